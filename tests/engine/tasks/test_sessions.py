"""Sessions: what they hold when they stop, who stops with them, and who forces them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.moves import move
from runyard.domain.records import Run, TaskMove
from runyard.domain.sessions import Session, SessionState
from runyard.domain.states import RunState
from runyard.domain.tasks import Stage, Task, TaskRun, TaskStatus
from runyard.engine import sessions, transitions
from runyard.engine.tasks import recovering, settling
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import session_events as events_sql
from runyard.storage.statements import task_runs
from tests.support.yard import PERSON, Yard

SECOND = 1_000_000


def state(yard: Yard, session: Session) -> SessionState:
    return yard.store.look(sessions.find, yard.project_id, session.id).state


def stop(yard: Yard, session: Session, **said: Any) -> Session:
    return yard.store.transact(settling.stop, yard.project_id, session.id, PERSON, **said)


def story(yard: Yard, task: Task) -> list[str]:
    return [line.type for line in yard.timeline(task)]


def last(yard: Yard, task: Task) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(yard.timeline(task)[-1].payload)
    return found


def row(yard: Yard, run_id: str) -> TaskRun:
    return yard.store.look(task_runs.get, [run_id])[run_id]


def events(yard: Yard, session: Session) -> list[str]:
    return [one.type for one in yard.store.look(events_sql.after, session.id, after=0, n=100)]


def taken_without_lease(yard: Yard, run_id: str, *verbs: str, session: Session | None = None) -> None:
    """Claim the run as an operator does, and go on with it."""

    def op(tx: Tx) -> None:
        by = Doer(Actor("human", "ann"), Origin("http", "tasks.claim_run"))
        run: Run = runs_sql.lock(tx, [run_id])[run_id]
        changes: dict[str, Any] = {"claimer_kind": "human", "claimer_ref": "ann"}
        changes |= {"session_id": session.id} if session is not None else {}
        for verb in verbs:
            more: dict[str, Any] = {"epoch": run.epoch + 1, "claimed_at": tx.now} if verb == "claim" else {}
            (run,) = transitions.apply(tx, [move(run, verb, tx.now, **more).for_task(TaskMove(by=by, changes=changes))])

    yard.store.transact(op)


def test_a_session_that_stops_gives_its_run_back(yard: Yard):
    task = yard.task()
    queued = yard.queue(task)
    session, other = yard.session(), yard.session()
    assert yard.claim_next(session) is not None
    stopped = stop(yard, session)
    assert (stopped.state, stopped.stop_reason, stopped.stopped_at) == ("stopped", "stopped", yard.clock.now())
    assert story(yard, task)[-1] == "task.run_released"
    said = last(yard, task)
    assert (said["reason"], said["previous_status"], said["session_id"]) == ("session_stopped", "claimed", session.id)
    handed = yard.claim_next(other)
    assert handed is not None
    assert (handed.row.run_id, handed.row.attempt) == (queued.run_id, 1)
    yard.check()


def test_a_session_stops_once(yard: Yard):
    session = yard.session()
    first = stop(yard, session)
    assert stop(yard, session).stopped_at == first.stopped_at
    assert events(yard, session) == ["session_started", "session_stopped"]
    with pytest.raises(sessions.IdentityStale):
        yard.claim_next(session)


@pytest.mark.parametrize(
    ("verbs", "stage", "event"),
    [
        (["claim"], Stage.QUEUED, "task.run_released"),
        (["claim", "prepare"], Stage.FAILED, "task.run_failed"),
        (["claim", "prepare", "start"], Stage.FAILED, "task.run_failed"),
    ],
)
def test_runs_without_lease_are_queued_again_or_fail_with_their_session(yard: Yard, verbs, stage, event):
    task = yard.task(max_attempts=1)
    queued = yard.queue(task)
    session = yard.session()
    taken_without_lease(yard, queued.run_id, *verbs, session=session)
    stop(yard, session)
    now = row(yard, queued.run_id)
    assert (now.stage, now.held) == (stage, None)
    assert story(yard, task)[-1] == event
    if stage is Stage.FAILED:
        assert now.session_id == session.id
        assert last(yard, task)["error"] == settling.ORPHAN
        assert yard.task_now(task).status is TaskStatus.FAILED


def test_a_session_that_was_asked_is_forced_when_its_grace_is_over(yard: Yard):
    task = yard.task()
    yard.queue(task)
    session = yard.session()
    assert yard.claim_next(session) is not None
    far = yard.task()
    yard.store.transact(sessions.ask_to_stop, [session.id, "nobody"], PERSON, propagated_from=far.id)
    assert state(yard, session) is SessionState.STOPPING
    assert yard.task_now(task).open_stage is Stage.CLAIMED
    yard.clock.forward(seconds=4)
    assert yard.store.transact(settling.sweep) == 0
    yard.clock.forward(seconds=1)
    assert yard.store.look(sessions.are_due)
    assert yard.store.transact(settling.sweep) == 1
    assert yard.store.transact(settling.sweep) == 0
    assert not yard.store.look(sessions.are_due)
    assert state(yard, session) is SessionState.STOPPED
    assert story(yard, task)[-2:] == ["task.run_released", "task.run_force_stopped"]
    assert last(yard, task) == {
        "session_id": session.id,
        "grace_timeout_ms": 5000,
        "propagated_from_task_id": far.id,
    }
    assert events(yard, session) == ["session_started", "session_stopping", "session_stopped"]


def test_a_session_that_stops_in_its_grace_is_not_forced(yard: Yard):
    task = yard.task()
    yard.queue(task)
    session = yard.session()
    assert yard.claim_next(session) is not None
    assert stop(yard, session, grace=SECOND).state is SessionState.STOPPING
    stop(yard, session)
    yard.clock.forward(seconds=10)
    assert yard.store.transact(settling.sweep) == 0
    assert "task.run_force_stopped" not in story(yard, task)


def test_sessions_stop_when_their_time_is_up_and_take_those_below_with_them(yard: Yard):
    parent = yard.session(ttl=60 * SECOND)
    child = yard.session(parent_id=parent.id, stops_with_parent=True)
    grandchild = yard.session(parent_id=child.id, stops_with_parent=True)
    free = yard.session(parent_id=parent.id)
    yard.clock.forward(seconds=60)
    assert [yard.store.transact(settling.sweep) for _ in range(4)] == [1, 1, 1, 0]
    found = [yard.store.look(sessions.find, 1, one.id) for one in (parent, child, grandchild, free)]
    assert [one.stop_reason for one in found] == ["ttl_expired", "parent_stopped", "parent_stopped", None]


def recover(yard: Yard) -> None:
    after: str | None = ""
    while after is not None:
        after = yard.store.transact(recovering.recover, after, 2)


@pytest.mark.parametrize(
    ("verbs", "live", "stage", "action"),
    [
        (["claim"], None, Stage.QUEUED, "requeue"),
        (["claim"], True, Stage.RUNNING, "mark_running"),
        (["claim", "prepare"], True, Stage.RUNNING, "mark_running"),
        (["claim", "prepare"], None, Stage.FAILED, "fail"),
        (["claim", "prepare", "start"], False, Stage.FAILED, "fail"),
        (["claim", "prepare", "start"], True, Stage.RUNNING, None),
    ],
)
def test_a_server_that_starts_looks_after_runs_without_lease(yard: Yard, verbs, live, stage, action):
    task = yard.task()
    queued = yard.queue(task)
    session = yard.session() if live is not None else None
    taken_without_lease(yard, queued.run_id, *verbs, session=session)
    if session is not None and not live:
        # As a crash between two transactions would leave it.
        gone = msgspec.structs.replace(session, state=SessionState.STOPPED, stopped_at=1)
        yard.store.transact(lambda tx: sessions.write(tx, [gone], "session_stopped", {}))
    leased = [yard.queue(yard.task()) for _ in range(3)]
    for _ in leased:
        assert yard.claim_next(yard.session()) is not None
    recover(yard)
    recover(yard)
    assert row(yard, queued.run_id).stage is stage
    recovered = [line for line in yard.timeline(task) if line.type == "task.run_recovered"]
    assert [json.loads(line.payload)["action"] for line in recovered] == ([action] if action else [])
    assert {row(yard, one.run_id).stage for one in leased} == {Stage.CLAIMED}


def test_a_parked_run_of_a_session_that_stops_is_left_to_who_parked_it(yard: Yard):
    task = yard.task()
    yard.queue(task)
    session = yard.session()
    handed = yard.claim_next(session)
    assert handed is not None
    yard.pause(handed.run)
    stop(yard, session)
    assert yard.run(handed.run).state is RunState.PAUSED
