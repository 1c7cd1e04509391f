"""What sessions say of the runs they have, and what they may not say."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from runyard.domain.actors import Origin
from runyard.domain.errors import DomainError, Invalid, NotFound, TooLarge
from runyard.domain.sessions import Session
from runyard.domain.tasks import Stage, Task, TaskStatus
from runyard.engine.sessions import Claimed, IdentityMismatch, IdentityStale
from runyard.engine.tasks import leases, settling
from runyard.engine.tasks.claims import Handed
from runyard.engine.tasks.leases import Complete, Extend, Fail, Release, Report
from runyard.engine.tasks.refusals import ForeignRun, LeaseOver, NoActiveLease
from runyard.engine.tasks.views import RunSeen
from runyard.storage.statements import sessions as sessions_sql
from tests.engine.tasks.working import begin
from tests.support.yard import PERSON, SECOND, Yard

ORIGIN = Origin("http", "agent.task.test")
NOBODY = "01900000-0000-7000-8000-000000000000"


def named(session: Session, run_id: str) -> dict[str, Any]:
    who = Claimed(session_id=session.id, agent=session.agent)
    return {"project_id": 1, "who": who, "run_id": run_id, "origin": ORIGIN}


def say(yard: Yard, op: Callable[[Any, Sequence[Any]], Sequence[leases.Outcome]], report: Report) -> RunSeen:
    """The run after the report. Raises what the report is refused with."""
    return yard.store.transact(leases.one, op, report)


def complete(yard: Yard, session: Session, run_id: str, **said: Any) -> RunSeen:
    return say(yard, leases.complete, Complete(**named(session, run_id), **said))


def extend(yard: Yard, session: Session, run_id: str, **said: Any) -> RunSeen:
    return say(yard, leases.extend, Extend(**named(session, run_id), **said))


def fail(yard: Yard, session: Session, run_id: str, error: str = "it broke", **said: Any) -> RunSeen:
    return say(yard, leases.fail, Fail(**named(session, run_id), error=error, **said))


def release(yard: Yard, session: Session, run_id: str, **said: Any) -> RunSeen:
    return say(yard, leases.release, Release(**named(session, run_id), **said))


def held(yard: Yard, task: Task | None = None, session: Session | None = None) -> Handed:
    """A run in the hands of a session."""
    yard.queue(task or yard.task())
    handed = yard.claim_next(session or yard.session())
    assert handed is not None
    return handed


def last(yard: Yard, task: Task) -> tuple[str, dict[str, Any]]:
    """The kind of the task's newest line, and what it says."""
    line = yard.timeline(task)[-1]
    return line.type, json.loads(line.payload)


def test_a_completed_run_completes_its_task_and_frees_the_session(yard: Yard):
    handed = held(yard)
    seen = complete(yard, handed.session, handed.run.id, result='{"answer":42}')
    assert (seen.row.stage, seen.task.status, seen.run.output) == (
        Stage.COMPLETED,
        TaskStatus.COMPLETED,
        '{"answer":42}',
    )
    assert (seen.run.lease_until, seen.row.session_id, seen.run.lease_hash) == (
        None,
        handed.session.id,
        handed.run.lease_hash,
    )
    assert (seen.row.claimer_ref, seen.row.started_at, seen.row.held) == (handed.session.id, None, None)
    assert (seen.run, seen.task) == (yard.run(handed.run.id), yard.task_now(handed.task))
    assert last(yard, handed.task) == (
        "task.run_completed",
        {
            "status": "completed",
            "task_status": "completed",
            "result": {"answer": 42},
            "claim_token_hash": handed.run.lease_hash,
        },
    )
    assert held(yard, session=handed.session).run.id != handed.run.id
    yard.check()


def test_a_failed_run_leaves_its_task_ready_until_the_attempts_are_used_up(yard: Yard):
    task = yard.task(max_attempts=2)
    handed = held(yard, task)
    seen = fail(yard, handed.session, handed.run.id, "no tests", metadata='{"exit":2}')
    assert (seen.row.stage, seen.row.failure_kind, seen.task.status) == (Stage.FAILED, None, TaskStatus.READY)
    assert json.loads(seen.run.error or "")["message"] == "no tests"
    kind, said = last(yard, task)
    assert (kind, said["error"], said["metadata"], said["task_status"]) == (
        "task.run_failed",
        "no tests",
        {"exit": 2},
        "ready",
    )
    assert seen.run.metadata is None
    again = held(yard, task, handed.session)
    assert (again.row.attempt, fail(yard, again.session, again.run.id).task.status) == (2, TaskStatus.FAILED)
    yard.check()


def test_a_released_run_goes_back_to_the_place_it_had(yard: Yard):
    handed = held(yard)
    yard.clock.forward(seconds=10)
    later = yard.queue(yard.task())
    seen = release(yard, handed.session, handed.run.id, reason="not mine")
    assert (seen.row.stage, seen.row.session_id, seen.row.claimer, seen.run.lease_hash) == (
        Stage.QUEUED,
        None,
        None,
        None,
    )
    assert (seen.row.attempt, seen.row.queued_at) == (handed.row.attempt, handed.row.queued_at)
    kind, said = last(yard, handed.task)
    assert (kind, said["reason"], said["previous_status"]) == ("task.run_released", "not mine", "claimed")
    assert said["session_id"] == handed.session.id
    again = yard.claim_next(yard.session())
    assert again is not None
    assert again.run.id == handed.run.id != later.run_id
    yard.check()


def test_a_heartbeat_sets_the_end_of_the_lease_later_or_earlier(yard: Yard):
    handed = held(yard)
    start = yard.clock.now()
    yard.after(seconds=200)
    seen = extend(yard, handed.session, handed.run.id)
    assert (seen.run.lease_until, seen.run.heartbeat_at) == (start + 500 * SECOND, start + 200 * SECOND)
    kind, said = last(yard, handed.task)
    assert kind == "task.run_lease_extended"
    assert (said["lease_until"], said["heartbeat_at"]) == (start + 500 * SECOND, start + 200 * SECOND)
    assert (seen.task, seen.task.active_at) == (yard.task_now(handed.task), start + 200 * SECOND)
    known = yard.store.look(sessions_sql.get, [handed.session.id])[handed.session.id]
    assert known.active_at == start + 200 * SECOND
    extend(yard, handed.session, handed.run.id, lease=SECOND)
    yard.after(seconds=1)
    assert last(yard, handed.task)[0] == "task.run_lease_expired", "a lease may be made shorter"
    yard.check()


@pytest.mark.parametrize("op", [complete, extend, fail, release])
def test_whoever_has_no_lease_on_the_run_changes_nothing(yard: Yard, op: Any):
    handed = held(yard)
    run_id, busy, idle = handed.run.id, held(yard).session, yard.session()
    for session, error in ((idle, NoActiveLease), (busy, ForeignRun)):
        with pytest.raises(error):
            op(yard, session, run_id)
        with pytest.raises(NotFound):
            op(yard, session, NOBODY)
        with pytest.raises(NotFound):
            op(yard, session, "\0")
    with pytest.raises(NotFound):
        op(yard, busy, yard.create().id)
    who = Claimed(session_id=handed.session.id, agent="tester")
    with pytest.raises(IdentityMismatch):
        say(yard, leases.extend, Extend(**named(handed.session, run_id) | {"who": who}))
    assert yard.run(run_id) == handed.run
    yard.clock.forward(seconds=300)
    with pytest.raises(LeaseOver):
        op(yard, handed.session, run_id)
    assert yard.run(run_id) == handed.run
    yard.tick()
    with pytest.raises(NoActiveLease):
        op(yard, handed.session, run_id)
    yard.check()


def test_a_lease_is_over_once_the_run_has_ended(yard: Yard):
    for end in (complete, fail):
        handed = held(yard)
        end(yard, handed.session, handed.run.id)
        now = yard.run(handed.run.id)
        for op in (complete, extend, fail, release):
            with pytest.raises(LeaseOver, match="over"):
                op(yard, handed.session, handed.run.id)
        assert yard.run(handed.run.id) == now
        busy = held(yard, session=handed.session)
        with pytest.raises(LeaseOver):
            complete(yard, handed.session, handed.run.id)
        complete(yard, handed.session, busy.run.id)


def test_a_run_without_lease_is_not_reported_on(yard: Yard):
    session, row = yard.session(), yard.queue(yard.task())
    begin(yard, row, session)
    with pytest.raises(NoActiveLease):
        complete(yard, session, row.run_id)
    with pytest.raises(DomainError, match="has a run already"):
        yard.claim_next(session)


def test_a_session_that_has_ended_says_nothing_more(yard: Yard):
    handed = held(yard)
    yard.store.transact(settling.end, [handed.session.id], PERSON)
    with pytest.raises(IdentityStale):
        complete(yard, handed.session, handed.run.id)
    assert yard.state(handed.run) == "queued"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_cannot_be_said(yard: Yard):
    handed = held(yard)
    run_id, session = handed.run.id, handed.session
    for secret in ('{"claim_token":1}', '[{"a":{"CLAIM_Token":1}}]', '{"claim_tok\\u0065n":1}'):
        with pytest.raises(Invalid, match="claim_token"):
            complete(yard, session, run_id, result=secret)
        with pytest.raises(Invalid, match="claim_token"):
            fail(yard, session, run_id, metadata=secret)
    long = json.dumps("é" * 32768, ensure_ascii=False)
    for refused in (
        lambda: complete(yard, session, run_id, result=long),
        lambda: fail(yard, session, run_id, metadata=long),
        lambda: fail(yard, session, run_id, "é" * 32769),
        lambda: release(yard, session, run_id, reason="é" * 32769),
    ):
        with pytest.raises(TooLarge):
            refused()
    for error in ("", " \n"):
        with pytest.raises(Invalid, match="error"):
            fail(yard, session, run_id, error)
    for lease in (-SECOND, 86401 * SECOND):
        with pytest.raises(Invalid, match="1 to 86400"):
            extend(yard, session, run_id, lease=lease)
    assert yard.run(run_id) == handed.run
    complete(yard, session, run_id, result='["claim_token"]')


def test_reports_that_come_together_count_one_after_the_other(yard: Yard):
    first, second = held(yard), held(yard)
    idle = yard.session()
    reports = [
        Complete(**named(first.session, first.run.id), result="1"),
        Complete(**named(second.session, first.run.id)),
        Complete(**named(first.session, first.run.id), result="2"),
        Complete(**named(second.session, second.run.id)),
        Complete(**named(idle, second.run.id)),
    ]
    outcomes = yard.store.transact(leases.complete, reports)
    assert [type(one) for one in outcomes] == [RunSeen, ForeignRun, LeaseOver, RunSeen, NoActiveLease]
    assert yard.run(first.run.id).output == "1"
    yard.check()


def test_two_servers_hear_of_the_same_runs_at_once(two_servers, clock):
    """Sessions report in different orders; nobody waits for ever, and each run ends once."""
    here, there = (Yard(store, clock) for store in two_servers)
    crew = [held(here) for _ in range(20)]
    outcomes: list[leases.Outcome] = []

    def report(yard: Yard, all_of_them: list[Handed]) -> None:
        reports = [Complete(**named(one.session, one.run.id)) for one in all_of_them]
        outcomes.extend(yard.store.transact(leases.complete, reports))

    threads = [
        threading.Thread(target=report, args=(yard, order)) for yard, order in ((here, crew), (there, crew[::-1]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in outcomes) == ["LeaseOver"] * 20 + ["RunSeen"] * 20
    here.check()
