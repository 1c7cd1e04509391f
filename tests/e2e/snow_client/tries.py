"""How each method of the published client is tried; the table of the contract's §6."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bamboosnow import NotFoundError

from tests.e2e.processes import until
from tests.e2e.snow_client.desk import Desk

Try = Callable[[Desk], Any]
TRIES: dict[str, Try] = {}


def tries(made: Try) -> Try:
    """Note down how the method of a function's name (`runs__list`) is used."""
    TRIES[made.__name__.replace("__", ".")] = made
    return made


def ids(page: Any) -> list[str]:
    """The ids of what was listed."""
    return [one.id for one in page.items]


# Runs


@tries
def runs__list(desk: Desk) -> None:
    done, failed = desk.ended(), desk.ended("Broken")
    agent = desk.client.runs.get(done).agent_id
    page = desk.client.runs.list()
    assert (ids(page), page.total, page.page, page.per_page, page.total_pages) == ([failed, done], 2, 1, 20, 1)
    assert page.items[1].agent_name == "Echo"
    assert ids(desk.client.runs.list(status="failed")) == [failed]
    assert ids(desk.client.runs.list(agent_id=agent, trigger_type="manual")) == [done]
    assert ids(desk.client.runs.list(trigger_type="push")) == []
    second = desk.client.runs.list(page=2, per_page=1)
    assert (ids(second), second.total, second.total_pages) == ([done], 2, 2)


@tries
def runs__get(desk: Desk) -> None:
    run = desk.client.runs.get(desk.ended("Thoughtful", {"pull_request": {"number": 42}}))
    assert (run.status.value, run.trigger_type, run.tokens_used) == ("completed", "manual", 120)
    assert run.trigger_payload == {"pull_request": {"number": 42}}
    assert run.cost_usd > 0
    assert run.result is not None
    (action,) = run.actions_taken
    assert (action.type, action.result.value) == ("comment", "success")
    assert action.details is not None
    assert (action.details["target"], action.details["url"]) == ("#42", "https://example.com/c/1")
    assert {"sense", "think", "act"} == {step.type.value for step in run.thought_trace}
    failed = desk.client.runs.get(desk.ended("Broken"))
    assert failed.status.value == "failed"
    assert "cannot be done" in str(failed.error_message)


@tries
def runs__get_thought_trace(desk: Desk) -> None:
    run_id = desk.ended("Thoughtful")
    steps = desk.client.runs.get_thought_trace(run_id)
    assert [step.type.value for step in steps][:2] == ["sense", "think"]
    assert "act" in {step.type.value for step in steps}
    assert steps == desk.client.runs.get(run_id).thought_trace


@tries
def runs__get_logs(desk: Desk) -> None:
    logs = desk.client.runs.get_logs(desk.ended())
    assert isinstance(logs, str)
    (line,) = [line for line in logs.splitlines() if line.endswith("got it")]
    assert line.split()[1] == "WARN"


@tries
def runs__approve(desk: Desk) -> None:
    for approved, comment in ((True, "go on"), (False, None)):
        run_id = desk.asking()
        asked = desk.client.runs.get(run_id)
        assert asked.requires_approval
        assert asked.approval_request is not None
        assert asked.approval_request.model_dump(mode="json") == {
            "action": "merge",
            "description": "Merge pull request 42",
            "risk": "high",
            "changes": ["main: 3 commits"],
        }
        said = {} if comment is None else {"comment": comment}
        run = desk.client.runs.approve(run_id, approved=approved, **said)
        assert (run.requires_approval, run.approval_request) == (False, None)
        assert run.status.value == "running"
        done = desk.client.runs.wait_for_completion(run_id, interval_seconds=0.1)
        assert done.status.value == "completed"
        assert done.result is not None
        assert f"'approved': {approved}" in str(done.result)


@tries
def runs__cancel(desk: Desk) -> None:
    waiting = desk.waiting()
    run = desk.client.runs.cancel(waiting)
    assert (run.status.value, run.completed_at is None) == ("cancelled", False)
    again = desk.client.runs.cancel(waiting, reason="twice")
    assert again.completed_at == run.completed_at
    working = desk.asked(desk.agent("Patient"))
    desk.until(working, "running")
    assert desk.client.runs.cancel(working, reason="enough").status.value == "cancelled"
    assert "enough" in desk.client.runs.get_logs(working)


@tries
def runs__retry(desk: Desk) -> None:
    failed = desk.ended("Broken", {"n": 7})
    again = desk.client.runs.retry(failed)
    assert again.id != failed
    assert again.trigger_payload == {"n": 7}
    done = desk.client.runs.wait_for_completion(again.id, interval_seconds=0.1)
    assert done.status.value == "failed"


@tries
def runs__wait_for_completion(desk: Desk) -> None:
    seen: list[str] = []
    run_id = desk.asked(desk.agent(), {"n": 1})
    done = desk.client.runs.wait_for_completion(
        run_id, interval_seconds=0.1, on_progress=lambda run: seen.append(run.status.value)
    )
    assert (done.status.value, seen[-1]) == ("completed", "completed")
    with pytest.raises(TimeoutError):
        desk.client.runs.wait_for_completion(desk.waiting(), interval_seconds=0.05, timeout_seconds=0.1)
    waiting = desk.waiting()
    desk.client.runs.cancel(waiting)
    assert desk.client.runs.wait_for_completion(waiting).status.value == "cancelled"


@tries
def runs__get_pending_approvals(desk: Desk) -> None:
    desk.ended()
    run_id = desk.asking()
    page = desk.client.runs.get_pending_approvals()
    assert (ids(page), page.items[0].requires_approval) == ([run_id], True)
    desk.client.runs.cancel(run_id)
    assert ids(desk.client.runs.get_pending_approvals()) == []


# Agents


@tries
def agents__list(desk: Desk) -> None:
    one, other = desk.new_agent("One"), desk.new_agent("Two", template="code-reviewer")
    desk.client.agents.pause(one)
    page = desk.client.agents.list(status="paused")
    assert (ids(page), page.total) == ([one], 1)
    assert set(ids(desk.client.agents.list(page=1, per_page=50))) >= {one, other}


@tries
def agents__get(desk: Desk) -> None:
    triggers = {"pull_request": {"events": ["opened", "synchronize"]}, "push": {"branches": ["main"]}}
    agent_id = desk.new_agent("One", template="code-reviewer", triggers=triggers)
    agent = desk.client.agents.get(agent_id)
    assert (agent.name, agent.status.value, agent.template_slug) == ("One", "deployed", "code-reviewer")
    assert set(agent.triggers) == {"pull_request.opened", "pull_request.synchronize", "push"}
    assert (agent.total_runs, agent.successful_runs) == (0, 0)
    done = desk.client.runs.get(desk.ended()).agent_id
    until(lambda: desk.client.agents.get(done).successful_runs == 1, "the run does not count")


@tries
def agents__update(desk: Desk) -> None:
    agent_id = desk.new_agent("One")
    agent = desk.client.agents.update(agent_id, name="Two", description="changed", triggers=["push", "manual"])
    assert (agent.name, agent.description, sorted(agent.triggers)) == ("Two", "changed", ["manual", "push"])
    assert desk.client.agents.get(agent_id) == agent


@tries
def agents__delete(desk: Desk) -> None:
    run_id = desk.ended()
    agent_id = desk.client.runs.get(run_id).agent_id
    assert desk.client.agents.delete(agent_id) is None
    with pytest.raises(NotFoundError):
        desk.client.agents.get(agent_id)
    assert desk.client.runs.get(run_id).agent_id == agent_id, "its runs stay"


@tries
def agents__pause(desk: Desk) -> None:
    agent_id = desk.agent()
    assert desk.client.agents.pause(agent_id).status.value == "paused"


@tries
def agents__resume(desk: Desk) -> None:
    agent_id = desk.agent()
    desk.client.agents.pause(agent_id)
    assert desk.client.agents.resume(agent_id).status.value == "deployed"


@tries
def agents__archive(desk: Desk) -> None:
    agent_id = desk.agent()
    assert desk.client.agents.archive(agent_id).status.value == "archived"


@tries
def agents__list_templates(desk: Desk) -> None:
    slugs = {one.slug for one in desk.client.agents.list_templates()}
    assert slugs >= {"code-reviewer", "security-scanner", "dependency-auditor", "test-runner"}


@tries
def agents__get_template(desk: Desk) -> None:
    assert desk.client.agents.get_template("code-reviewer").slug == "code-reviewer"
    with pytest.raises(NotFoundError):
        desk.client.agents.get_template("nothing")


@tries
def agents__get_health(desk: Desk) -> None:
    agent_id = desk.client.runs.get(desk.ended()).agent_id
    until(lambda: desk.client.agents.get(agent_id).successful_runs == 1, "the run does not count")
    health = desk.client.agents.get_health(agent_id)
    assert (health.reliability_score, len(health.grade)) == (100, 1)


@tries
def agents__trigger(desk: Desk) -> None:
    agent_id = desk.agent("Idle")
    with_payload = desk.asked(agent_id, {"n": [1, None]})
    without = desk.asked(agent_id)
    assert desk.client.runs.get(with_payload).trigger_payload == {"n": [1, None]}
    assert desk.client.runs.get(without).trigger_payload == {}


# Repositories


@tries
def repositories__list(desk: Desk) -> None:
    made = desk.client.repositories.connect(provider="github", full_name="acme/app")
    desk.client.repositories.connect(provider="gitlab", full_name="acme/other")
    page = desk.client.repositories.list(provider="github", search="APP", page=1, per_page=5)
    assert (ids(page), page.total) == ([made.id], 1)
    assert desk.client.repositories.list().total == 2


@tries
def repositories__get(desk: Desk) -> None:
    made = desk.client.repositories.connect(provider="github", full_name="acme/app")
    assert desk.client.repositories.get(made.id) == made


@tries
def repositories__connect(desk: Desk) -> None:
    made = desk.client.repositories.connect(provider="github", full_name="acme/app")
    assert (made.provider, made.full_name, made.owner, made.name) == ("github", "acme/app", "acme", "app")


@tries
def repositories__disconnect(desk: Desk) -> None:
    made = desk.client.repositories.connect(provider="github", full_name="acme/app")
    assert desk.client.repositories.disconnect(made.id) is None
    with pytest.raises(NotFoundError):
        desk.client.repositories.get(made.id)


# The account


@tries
def users__me(desk: Desk) -> None:
    user = desk.client.users.me()
    assert user.id
    assert user.email


@tries
def api_keys__list(desk: Desk) -> None:
    made = desk.client.api_keys.create(name="Mine")
    page = desk.client.api_keys.list(page=1, per_page=100)
    assert made["id"] in ids(page)
    assert page.total == len(page.items) == 2


@tries
def api_keys__create(desk: Desk) -> None:
    made = desk.client.api_keys.create(name="Mine", expires_at=datetime.now(UTC) + timedelta(days=1))
    assert made["key"].startswith("bs_live_")
    assert made["key"].startswith(made["prefix"])
    assert desk.connect(made["key"]).runs.list().total == 0


@tries
def api_keys__get(desk: Desk) -> None:
    made = desk.client.api_keys.create(name="Mine")
    assert desk.client.api_keys.get(made["id"]).name == "Mine"


@tries
def api_keys__delete(desk: Desk) -> None:
    made = desk.client.api_keys.create(name="Mine")
    assert desk.client.api_keys.delete(made["id"]) is None
    with pytest.raises(NotFoundError):
        desk.client.api_keys.get(made["id"])


@tries
def api_keys__revoke(desk: Desk) -> None:
    made = desk.client.api_keys.create(name="Mine")
    desk.client.api_keys.revoke(made["id"])
    assert made["id"] not in ids(desk.client.api_keys.list())
