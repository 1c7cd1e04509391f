"""Approvals: a run asks people, waits for their answer, and goes on with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from runyard.domain.agents import AgentRun, Phase
from runyard.domain.approvals import Approval, ApprovalState, Risk, Verdict
from runyard.domain.errors import Conflict, DomainError, Invalid, LeaseLost, LimitReached, NotFound
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import approvals, pauses, retention
from runyard.engine.approvals import Asked
from runyard.engine.claims import Granted
from runyard.storage.port import Tx
from runyard.storage.statements import agent_runs
from runyard.storage.statements import approvals as sql
from tests.support.yard import SECOND, Yard, id_of

S = RunState
A = ApprovalState
YES = Verdict(approved=True, comment="go ahead", actor="key:boss")
NO = Verdict(approved=False, comment="not today", actor="key:boss")


def ask(yard: Yard, held: Granted, name: str = "deploy", **said: Any) -> Asked:
    """Let a held run ask for an approval. Raises what it is refused with."""
    asked = approvals.NewApproval(
        project_id=yard.project_id,
        run_id=held.run.id,
        token=said.pop("token", held.lease.token),
        name=name,
        action=said.pop("action", "Deploy to production"),
        **said,
    )
    outcome: Asked | DomainError = yard.store.transact(approvals.request, [asked])[0]
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def decide(yard: Yard, one: Asked | Approval, verdict: Verdict = YES) -> Asked:
    """Say something to an approval."""
    approval = one.approval if isinstance(one, Asked) else one
    return yard.store.transact(approvals.decide, yard.project_id, approval.id, verdict)


def see(yard: Yard, one: Asked) -> Approval:
    """The approval as it stands."""
    return yard.store.look(approvals.get, yard.project_id, one.approval.id)


def watched(yard: Yard, run: Any) -> AgentRun:
    """The agent's run as people watch it."""
    return yard.store.look(agent_runs.get, [id_of(run)])[id_of(run)]


def test_a_run_asks_and_waits_holding_no_slot(yard: Yard, clock):
    held = yard.running()
    asked = ask(yard, held, description="v2", risk=Risk.HIGH, changes=("a.py", "b.py"), timeout=60 * SECOND)
    assert asked.run.state is S.WAITING
    assert asked.run.waiting_for is not None
    assert (asked.run.waiting_for.kind, asked.run.waiting_for.key) == ("decision", "deploy")
    assert asked.run.lease_until is None
    approval = see(yard, asked)
    assert approval == asked.approval
    assert (approval.state, approval.risk, approval.changes) == (A.PENDING, Risk.HIGH, '["a.py","b.py"]')
    assert (approval.requested_at, approval.expires_at) == (clock.now(), clock.now() + 60 * SECOND)
    assert yard.events(held)[-2].type == "approval.requested"
    with pytest.raises(LeaseLost):
        ask(yard, held)
    yard.check()


@pytest.mark.parametrize(("verdict", "state"), [(YES, A.APPROVED), (NO, A.REJECTED)])
def test_the_executor_called_anew_reads_the_decision(yard: Yard, clock, verdict: Verdict, state: ApprovalState):
    asked = ask(yard, yard.running())
    clock.forward(seconds=5)
    decided = decide(yard, asked, verdict)
    assert decided.run.state is S.QUEUED
    assert decided.approval == see(yard, asked)
    assert (decided.approval.state, decided.approval.comment) == (state, verdict.comment)
    assert (decided.approval.decided_by, decided.approval.decided_at) == ("key:boss", clock.now())
    again = yard.claim_one()
    assert again.run.attempt == 1
    told = ask(yard, again, action="something else", risk=Risk.LOW)
    assert told.approval == decided.approval
    assert told.run.state is S.CLAIMED
    yard.complete(again)
    assert yard.story(asked.run) == [
        "created", "claimed", "started", "approval.requested", "waiting", f"approval.{state}", "woken", "claimed",
        "completed",
    ]  # fmt: skip
    yard.check()


def test_an_executor_that_stops_anyway_is_called_anew_at_once_when_the_answer_is_known(yard: Yard):
    decide(yard, ask(yard, yard.running()))
    told = ask(yard, yard.claim_one(), leaves=True)
    assert (told.run.state, told.run.attempt, told.approval.state) == (S.QUEUED, 1, A.APPROVED)
    yard.check()


def test_a_refusal_cancels_the_run_where_it_was_asked_so(yard: Yard):
    held = yard.running()
    child = yard.create(parent_id=held.run.id)
    asked = ask(yard, held, on_reject="cancel")
    decided = decide(yard, asked, NO)
    assert (decided.run.state, decided.approval.state) == (S.CANCELED, A.REJECTED)
    assert yard.last(held)["reason"] == "not today"
    assert yard.state(child) is S.CANCELED
    other = ask(yard, yard.running(), on_reject="cancel", action="Drop it")
    assert decide(yard, other, YES).run.state is S.QUEUED
    third = ask(yard, yard.claim_one(), name="other", on_reject="cancel", action="Drop it")
    decide(yard, third, Verdict(approved=False))
    assert yard.last(third.run)["reason"] == "Drop it was rejected"
    yard.check()


def test_what_nobody_decides_in_time_is_rejected_and_the_run_goes_on(yard: Yard):
    asked = ask(yard, yard.running(), timeout=60 * SECOND)
    yard.after(seconds=59)
    assert see(yard, asked).state is A.PENDING
    yard.after(seconds=2)
    approval = see(yard, asked)
    assert (approval.state, approval.comment, approval.decided_by) == (A.REJECTED, "nobody decided in time", None)
    assert yard.state(asked.run) is S.QUEUED
    with pytest.raises(Conflict, match="rejected"):
        decide(yard, asked)
    yard.check()


def test_time_cancels_runs_that_a_refusal_cancels_and_what_hangs_below(yard: Yard):
    above = yard.running()
    below = yard.create(parent_id=above.run.id)
    under = yard.claim_one()
    yard.start(under)
    mine = ask(yard, under, timeout=30 * SECOND)
    top = ask(yard, above, timeout=30 * SECOND, on_reject="cancel")
    plain = ask(yard, yard.running(), timeout=30 * SECOND)
    yard.after(seconds=31)
    assert yard.state(above) is S.CANCELED
    assert yard.last(above)["reason"] == "nobody decided in time"
    assert yard.state(below) is S.CANCELED
    assert {see(yard, one).state for one in (mine, top, plain)} == {A.REJECTED}
    assert yard.state(plain.run) is S.QUEUED
    yard.check()


def test_an_approval_without_a_time_waits_for_ever(yard: Yard):
    asked = ask(yard, yard.running())
    yard.after(hours=24 * 400)
    assert (yard.state(asked.run), see(yard, asked).state) == (S.WAITING, A.PENDING)


def test_a_canceled_run_takes_its_question_back(yard: Yard):
    asked = ask(yard, yard.running())
    yard.cancel(asked.run, reason="enough")
    assert see(yard, asked).state is A.CANCELED
    with pytest.raises(Conflict, match="canceled"):
        decide(yard, asked)
    with pytest.raises(Conflict):
        yard.store.transact(approvals.decide_of_run, 1, asked.run.id, YES)


def test_a_restarted_run_asks_anew(yard: Yard):
    asked = ask(yard, yard.running())
    yard.pause(asked.run)
    yard.do(pauses.restart, asked.run)
    assert see(yard, asked).state is A.CANCELED
    again = ask(yard, yard.claim_one(), action="Deploy, really")
    assert (again.approval.state, again.approval.action) == (A.PENDING, "Deploy, really")
    assert [one.id for one in yard.store.look(approvals.of_run, 1, asked.run.id).rows] == [again.approval.id]
    assert decide(yard, again).run.state is S.QUEUED


def test_a_retried_attempt_has_the_answer_of_the_first(yard: Yard):
    asked = ask(yard, yard.running(policy={"max_attempts": 2}))
    decide(yard, asked)
    yard.fail(yard.claim_one())
    yard.after(hours=1)
    second = yard.claim_one()
    assert second.run.attempt == 2
    assert ask(yard, second).approval.state is A.APPROVED


def test_a_decision_reaches_a_paused_run_when_it_is_resumed(yard: Yard):
    asked = ask(yard, yard.running())
    yard.pause(asked.run)
    with pytest.raises(Conflict, match="paused"):
        yard.store.transact(approvals.decide_of_run, 1, asked.run.id, YES)
    assert decide(yard, asked).run.state is S.PAUSED
    assert yard.resume(asked.run).state is S.QUEUED
    yard.check()


def test_a_pause_stops_the_time_to_decide_until_the_run_is_resumed(yard: Yard):
    asked = ask(yard, yard.running(), timeout=10 * SECOND)
    yard.pause(asked.run)
    yard.after(seconds=60)
    assert see(yard, asked).state is A.PENDING
    yard.resume(asked.run)
    yard.tick()
    assert (yard.state(asked.run), see(yard, asked).state) == (S.QUEUED, A.REJECTED)


def test_who_asks_has_begun(yard: Yard):
    agent = yard.agent()
    run = yard.ask_agent(agent)
    asked = ask(yard, yard.claim_one())
    assert watched(yard, run).phase is Phase.DECIDING
    assert watched(yard, run).began_at is not None
    decide(yard, asked)
    assert watched(yard, run).phase is Phase.RUNNING
    assert yard.story(run)[2] == "started"
    yard.check()


def test_each_question_of_a_run_is_answered_for_itself(yard: Yard):
    first = ask(yard, yard.running(), "one")
    decide(yard, first, YES)
    second = ask(yard, yard.claim_one(), "two")
    assert yard.store.look(approvals.named, 1, first.run.id, "two") == second.approval
    decide(yard, second, NO)
    found = yard.store.look(approvals.of_run, 1, first.run.id)
    assert [(one.name, one.state) for one in found.rows] == [("one", A.APPROVED), ("two", A.REJECTED)]
    page = yard.store.look(approvals.of_run, 1, first.run.id, limit=1)
    assert ([one.name for one in page.rows], page.more) == (["one"], first.approval.id)
    (rest,) = yard.store.look(approvals.of_run, 1, first.run.id, limit=1, after=first.approval.id).rows
    assert rest.name == "two"
    with pytest.raises(NotFound):
        yard.store.look(approvals.named, 1, first.run.id, "three")


@pytest.mark.parametrize(
    "said",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 129},
        {"action": ""},
        {"action": "x" * 501},
        {"action": "nul\0"},
        {"description": "x" * 10_001},
        {"changes": ("x",) * 201},
        {"changes": ("x" * 2001,)},
        {"changes": ("\0",)},
        {"timeout": 0},
        {"timeout": 31 * 86400 * SECOND},
    ],
)
def test_bad_questions_are_refused_and_the_run_works_on(yard: Yard, said: dict[str, Any]):
    held = yard.running()
    with pytest.raises(Invalid):
        ask(yard, held, **said)
    assert yard.state(held) is S.RUNNING
    yard.complete(held)


def test_a_run_asks_for_so_many_approvals_and_no_more(yard: Yard):
    held = yard.running()
    for number in range(approvals.MOST):
        decide(yard, ask(yard, held, f"n{number}"))
        held = yard.claim_one()
    with pytest.raises(LimitReached, match="100"):
        ask(yard, held, "more")
    assert ask(yard, held, "n0").approval.state is A.APPROVED


@pytest.mark.parametrize("comment", ["x" * 10_001, "nul\0"])
def test_a_comment_is_bounded(yard: Yard, comment: str):
    asked = ask(yard, yard.running())
    with pytest.raises(Invalid):
        decide(yard, asked, Verdict(approved=True, comment=comment))
    assert decide(yard, asked, Verdict(approved=True, comment="x" * 10_000)).approval.comment == "x" * 10_000


def test_only_the_holder_of_the_lease_asks_and_only_for_its_own_run(yard: Yard):
    held, other = yard.running(), yard.running()
    with pytest.raises(LeaseLost):
        ask(yard, held, token=other.lease.token)
    with pytest.raises(NotFound):
        ask(Yard(yard.store, yard.clock, project_id=2), held)
    yard.after(hours=24)
    with pytest.raises(LeaseLost):
        ask(yard, held)


def test_another_project_finds_nothing(yard: Yard):
    asked = ask(yard, yard.running())
    for op, wanted in ((approvals.decide, asked.approval.id), (approvals.decide_of_run, asked.run.id)):
        with pytest.raises(NotFound):
            yard.store.transact(op, 2, wanted, YES)
    for look, named in ((approvals.get, asked.approval.id), (approvals.of_run, asked.run.id)):
        with pytest.raises(NotFound):
            yard.store.look(look, 2, named)
    assert yard.store.look(approvals.page, 2) == []
    assert see(yard, asked).state is A.PENDING


def test_many_ask_in_one_call_and_each_is_answered_for_itself(yard: Yard):
    held = [yard.running() for _ in range(3)]
    made = [
        approvals.NewApproval(project_id=1, run_id=one.run.id, token=one.lease.token, name=name, action="Do it")
        for one, name in ((held[0], "a"), (held[0], "b"), (held[1], "not good"), (held[2], "a"))
    ]
    outcomes = yard.store.transact(approvals.request, made)
    assert [type(one).__name__ for one in outcomes] == ["Asked", "Conflict", "Invalid", "Asked"]
    assert [yard.state(one) for one in held] == [S.WAITING, S.RUNNING, S.WAITING]
    yard.check()


def test_lists_go_by_state_newest_first(yard: Yard):
    made = [ask(yard, yard.running()) for _ in range(4)]
    decide(yard, made[1])
    decide(yard, made[2], NO)
    yard.cancel(made[3].run)

    def listed(**said: Any) -> list[str]:
        return [one.id for one in yard.store.look(approvals.page, 1, **said)]

    ids = [one.approval.id for one in made]
    assert listed() == ids[::-1]
    assert listed(state=A.PENDING) == [ids[0]]
    assert listed(state=A.APPROVED) == [ids[1]]
    assert listed(limit=2) == ids[:1:-1]
    assert listed(limit=2, before=ids[2]) == [ids[1], ids[0]]


@pytest.mark.parametrize("states", [[A.PENDING], list(A)])
def test_lists_go_along_an_index_in_every_state(yard: Yard, states: list[ApprovalState]):
    text = sql.page_text(states)

    def plan(tx: Tx) -> str:
        return str(tx.rows(f"EXPLAIN QUERY PLAN {text}", project_id=1, before="g", n=50))

    if yard.store.engine == "postgres":
        pytest.skip("plans of PostgreSQL depend on how much there is; SQLite's do not")
    assert yard.store.transact(plan).count("approvals_project") == len(states)


def test_many_runs_whose_time_is_up_are_canceled_together(yard: Yard):
    made = [ask(yard, yard.running(), on_reject="cancel", timeout=SECOND) for _ in range(20)]
    other = ask(yard, yard.running(), on_reject="cancel")
    yard.after(seconds=2)
    assert {yard.state(one.run) for one in made} == {S.CANCELED}
    assert yard.state(other.run) is S.WAITING
    yard.check()


def test_approvals_go_with_their_runs(yard: Yard):
    asked = ask(yard, yard.running())
    yard.cancel(asked.run)
    yard.store.transact(retention.delete_runs, [asked.run.id])
    with pytest.raises(NotFound):
        see(yard, asked)


def race(*actions: Callable[[], Any]) -> list[Any]:
    """What each action answered or was refused with; they begin together."""
    outcomes: list[Any] = [None] * len(actions)
    gate = threading.Barrier(len(actions))

    def act(place: int, action: Callable[[], Any]) -> None:
        gate.wait()
        try:
            outcomes[place] = action()
        except DomainError as error:
            outcomes[place] = error

    threads = [threading.Thread(target=act, args=one) for one in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_of_two_who_decide_on_two_servers_at_once_one_wins(two_servers, clock):
    here, there = (Yard(server, clock) for server in two_servers)
    for _ in range(15):
        asked = ask(here, here.running())
        outcomes = race(partial(decide, here, asked, YES), partial(decide, there, asked, NO))
        assert sorted(type(one).__name__ for one in outcomes) == ["Asked", "Conflict"]
        (won,) = [one.approval for one in outcomes if isinstance(one, Asked)]
        assert see(here, asked) == won
        assert here.story(asked.run).count("woken") == 1
        here.complete(here.claim_one())
    here.check()


def test_of_a_decision_and_a_cancellation_at_once_one_wins(two_servers, clock):
    here, there = (Yard(server, clock) for server in two_servers)
    for _ in range(15):
        asked = ask(here, here.running())
        outcomes = race(partial(decide, here, asked), partial(there.cancel, asked.run))
        assert isinstance(outcomes[1], Run)
        assert here.state(asked.run) is S.CANCELED
        expected = A.APPROVED if isinstance(outcomes[0], Asked) else A.CANCELED
        assert see(there, asked).state is expected
    here.check()


def test_of_a_decision_and_its_time_at_once_one_wins(two_servers, clock):
    here, there = (Yard(server, clock) for server in two_servers)
    for _ in range(15):
        asked = ask(here, here.running(), timeout=SECOND)
        clock.forward(seconds=1)
        outcomes = race(partial(decide, here, asked), there.tick)
        approval = see(here, asked)
        assert approval.state is (A.APPROVED if isinstance(outcomes[0], Asked) else A.REJECTED)
        assert here.story(asked.run).count("woken") == 1
        here.complete(here.claim_one())
    here.check()


def test_what_was_decided_while_somebody_looked_is_not_decided_again(two_servers, clock, monkeypatch):
    here, there = (Yard(server, clock) for server in two_servers)
    asked = ask(here, here.running())
    look = approvals.get

    def found_and_decided(*wanted: Any) -> Approval:
        found = look(*wanted)
        monkeypatch.setattr(approvals, "get", look)
        decide(there, asked, NO)
        return found

    monkeypatch.setattr(approvals, "get", found_and_decided)
    with pytest.raises(Conflict, match="rejected"):
        decide(here, asked, YES)
    assert msgspec.structs.asdict(see(here, asked))["comment"] == "not today"
