"""Guardrails: what a run may use is asked before anything is stored, whoever reports it."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import Forbidden, LimitReached
from runyard.domain.projects import ProjectSettings
from runyard.engine import projects, tool_calls, usage
from runyard.engine.fences import Writer
from runyard.engine.proofs import Pass
from runyard.engine.tool_calls import NewToolCall
from runyard.engine.usage import NewUsage
from tests.support.writers import anyone, holder


def use(yard, writer, tokens=0, **said):
    return yard.store.transact(usage.add, writer, NewUsage(**{"model": "m", "input_tokens": tokens, **said}))


def call(yard, writer, name="grep"):
    return yard.store.transact(tool_calls.add, writer, NewToolCall(name=name))


def told(refused):
    extra = refused.value.extra
    return {name: extra[name] for name in ("guard", "current", "limit", "tool") if name in extra}


def limited(yard, **settings):
    def write(tx):
        projects.ensure_default(tx)
        text = msgspec.json.encode(ProjectSettings(**settings)).decode()
        tx.run("UPDATE projects SET settings = :text WHERE id = 1", text=text)

    yard.store.transact(write)


def writers(held):
    token = Writer(project_id=1, run_id=held.run.id, token=Pass(attempt=1))
    return holder(held), token, anyone(held)


def test_a_token_budget_may_be_used_up_and_not_passed(yard):
    held = yard.running(policy={"max_tokens": 100})
    use(yard, holder(held), 60)
    for writer in writers(held):
        with pytest.raises(LimitReached) as refused:
            use(yard, writer, 41)
        assert told(refused) == {"guard": "token_budget_exceeded", "current": 60, "limit": 100}
    use(yard, holder(held), 40)
    assert yard.run(held.run).input_tokens == 100
    assert len(yard.store.look(usage.of_run, 1, held.run.id).rows) == 2


def test_a_total_that_was_told_counts_instead_of_the_parts(yard):
    held = yard.running(policy={"max_tokens": 100})
    use(yard, holder(held), 10, output_tokens=10, total_tokens=90)
    with pytest.raises(LimitReached):
        use(yard, holder(held), 11)
    (line,) = yard.store.look(usage.of_run, 1, held.run.id).rows
    assert (line.total, line.input_tokens + line.output_tokens) == (90, 20)


def test_a_cost_budget_is_never_reached(yard):
    held = yard.running(policy={"max_cost": 100})
    use(yard, holder(held), cost_micro_usd=60)
    with pytest.raises(LimitReached) as refused:
        use(yard, holder(held), cost_micro_usd=40)
    assert told(refused) == {"guard": "cost_budget_exceeded", "current": 60, "limit": 100}
    use(yard, holder(held), cost_micro_usd=39)
    use(yard, holder(held), 5, cost_micro_usd=0)
    assert yard.run(held.run).cost_micro_usd == 99


def test_the_project_limits_runs_that_name_no_limit(yard):
    limited(yard, max_run_cost=10, max_run_tokens=10)
    plain, own = yard.running(), yard.running(policy={"max_tokens": 50, "max_cost": 50})
    for spent in ({"tokens": 11}, {"cost_micro_usd": 10}):
        with pytest.raises(LimitReached):
            use(yard, holder(plain), **spent)
        use(yard, holder(own), **spent)
    assert yard.store.look(usage.of_run, 1, plain.run.id).rows == []


def test_only_allowed_tools_may_be_called(yard):
    held = yard.running(policy={"allowed_tools": ("grep", "rm"), "blocked_tools": ("rm",)})
    call(yard, holder(held), "grep")
    for writer in writers(held):
        with pytest.raises(Forbidden) as unlisted:
            call(yard, writer, "curl")
        assert told(unlisted) == {"guard": "tool_not_allowed", "tool": "curl"}
        with pytest.raises(Forbidden) as blocked:
            call(yard, writer, "rm")
        assert told(blocked) == {"guard": "tool_blocked", "tool": "rm"}
    assert len(yard.store.look(tool_calls.of_run, 1, held.run.id).rows) == 1


def test_tool_calls_are_counted(yard):
    held = yard.running(policy={"max_tool_calls": 2})
    call(yard, holder(held))
    call(yard, holder(held))
    with pytest.raises(LimitReached) as refused:
        call(yard, holder(held))
    assert told(refused) == {"guard": "tool_call_limit_exceeded", "current": 2, "limit": 2}


def test_no_tool_at_all_may_be_allowed(yard):
    held = yard.running(policy={"max_tool_calls": 0})
    with pytest.raises(LimitReached):
        call(yard, holder(held))
