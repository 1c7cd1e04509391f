"""Looking closely at tasks and runs."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.errors import NotFound
from runyard.domain.tasks import Stage, TaskRun
from runyard.domain.troubles import NextStep, Trouble
from runyard.engine.tasks import forcing, inspecting, operating, scheduling
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.inspecting import Inspection
from runyard.storage.port import Tx
from tests.support.yard import PERSON, Yard


def of(yard: Yard, row: TaskRun) -> Inspection:
    """The run as it is looked at, which is its task's latest: looked at by the task it is the same."""
    found = yard.store.look(inspecting.run, 1, row.run_id)
    by_task = yard.store.look(inspecting.task, 1, row.task_id)
    assert (by_task.run, by_task.findings, by_task.next) == (found.run, found.findings, found.next)
    return found


def seen(yard: Yard, row: TaskRun) -> tuple[list[Trouble], NextStep]:
    """What is wrong with the run, and what it waits for."""
    found = of(yard, row)
    return [one.trouble for one in found.findings], found.next


def fail(yard: Yard, row: TaskRun) -> None:
    """Fail the run by force."""
    yard.store.transact(forcing.fail, row.run_id, Force(project_id=1, by=PERSON, reason="x"))


def set_session(yard: Yard, session_id: str, **values: Any) -> None:
    """Change a session behind everybody's back."""

    def change(tx: Tx) -> None:
        for name, value in values.items():
            tx.run(f"UPDATE sessions SET {name} = :value WHERE id = :id", value=value, id=session_id)

    yard.store.transact(change)


def test_a_task_without_runs_waits_for_a_session(yard: Yard) -> None:
    task = yard.task()
    found = yard.store.look(inspecting.task, 1, task.id)
    assert (found.run, found.session, found.recent, found.findings) == (None, None, [], [])
    assert (found.next, [event.type for event in found.events]) == (NextStep.WAITING_FOR_SESSION, ["task.created"])


def test_a_queued_run_waits_for_sessions_until_it_is_stranded(yard: Yard) -> None:
    row = yard.queue(yard.task())
    assert seen(yard, row) == ([], NextStep.WAITING_FOR_SESSION)
    yard.clock.forward(seconds=299)
    assert seen(yard, row) == ([], NextStep.WAITING_FOR_SESSION)
    yard.clock.forward(seconds=1)
    assert seen(yard, row) == ([Trouble.STRANDED], NextStep.STRANDED)
    assert of(yard, row).findings[0].evidence == {
        "queued_age_seconds": 300,
        "threshold_seconds": 300,
        "eligible_session_count": 0,
        "scheduler_paused": False,
    }
    session = yard.session(workspace_id="any")
    assert seen(yard, row) == ([], NextStep.CLAIM_AVAILABLE)
    yard.store.transact(scheduling.pause, 1, PERSON)
    assert seen(yard, row) == ([], NextStep.WAITING_FOR_SESSION)
    set_session(yard, session.id, failure="it broke")
    assert seen(yard, row) == ([], NextStep.WAITING_FOR_SESSION)
    yard.store.transact(scheduling.resume, 1, PERSON)
    assert seen(yard, row) == ([Trouble.STRANDED], NextStep.STRANDED)


def test_only_sessions_of_its_workspace_count_for_a_task_of_one(yard: Yard) -> None:
    row = yard.queue(yard.task(workspace_id="here"))
    yard.session()
    yard.session(workspace_id="there")
    yard.clock.forward(seconds=300)
    assert seen(yard, row) == ([Trouble.STRANDED], NextStep.STRANDED)
    yard.session(workspace_id="here")
    assert seen(yard, row) == ([], NextStep.CLAIM_AVAILABLE)


def test_a_claimed_run_whose_holder_is_silent_is_stuck(yard: Yard) -> None:
    row = yard.queue(yard.task())
    yard.store.transact(operating.claim, 1, row.run_id, PERSON)
    yard.clock.forward(seconds=120)
    assert seen(yard, row) == ([], NextStep.RUNNING)
    yard.clock.forward(seconds=1)
    assert seen(yard, row) == ([Trouble.STUCK], NextStep.RECOVERY_REQUIRED)
    assert of(yard, row).findings[0].evidence == {"heartbeat_age_seconds": 121, "threshold_seconds": 120}
    yard.store.transact(operating.start, 1, row.run_id, PERSON)
    assert seen(yard, row) == ([], NextStep.RUNNING)


def test_a_lease_that_is_over_is_stale_until_it_is_swept(yard: Yard) -> None:
    row = yard.queue(yard.task())
    assert yard.claim_next(yard.session(), lease=60_000_000) is not None
    yard.clock.forward(seconds=61)
    assert seen(yard, row) == ([Trouble.STALE_LEASE], NextStep.RECOVERY_REQUIRED)
    yard.tick()
    assert seen(yard, row) == ([], NextStep.CLAIM_AVAILABLE)


@pytest.mark.parametrize(
    ("change", "orphan"),
    [
        ({"state": "stopping"}, False),
        ({"state": "stopped"}, True),
        ({"failure": "out of memory"}, True),
        ({"stop_reason": "asked"}, True),
        ({"id": "another"}, True),
    ],
)
def test_a_lease_whose_session_is_gone_is_an_orphan(yard: Yard, change: dict[str, str], orphan: bool) -> None:
    row = yard.queue(yard.task())
    session = yard.session()
    assert yard.claim_next(session) is not None
    assert seen(yard, row) == ([], NextStep.RUNNING)
    set_session(yard, session.id, **change)
    found = of(yard, row)
    assert [one.trouble for one in found.findings] == ([Trouble.ORPHAN] if orphan else [])
    if orphan:
        state = "missing" if "id" in change else change.get("state", "active")
        assert found.findings[0].evidence == {
            "session_id": session.id,
            "session_state": state,
            "session_failure": change.get("failure", ""),
        }
        assert (found.session is None) == ("id" in change)


def test_a_failed_run_has_crashed_until_something_follows(yard: Yard) -> None:
    task = yard.task(max_attempts=9)
    first = yard.queue(task)
    fail(yard, first)
    assert seen(yard, first) == ([Trouble.CRASHED], NextStep.RECOVERY_REQUIRED)
    second = yard.queue(task)
    found = yard.store.look(inspecting.run, 1, first.run_id)
    assert (found.findings, found.next) == ([], NextStep.TERMINAL)
    assert {event.run_id for event in found.events} == {first.run_id}
    fail(yard, second)
    for _ in range(5):
        fail(yard, yard.queue(task))
    found = yard.store.look(inspecting.task, 1, task.id)
    assert [one.row.attempt for one in found.recent] == [7, 6, 5, 4, 3]
    assert len(found.events) == 10
    assert [event.seq for event in found.events] == sorted((event.seq for event in found.events), reverse=True)


def test_ends_are_terminal_and_attention_waits(yard: Yard) -> None:
    row = yard.queue(yard.task())
    yard.starve(row)
    found = of(yard, row)
    assert (found.run and found.run.row.stage, found.next) == (Stage.NEEDS_ATTENTION, NextStep.WAITING_FOR_SESSION)
    yard.store.transact(operating.cancel, 1, row.run_id, PERSON)
    assert seen(yard, row) == ([], NextStep.TERMINAL)


def test_what_is_not_there_is_not_found(yard: Yard) -> None:
    row = yard.queue(yard.task())
    for op, one in ((inspecting.run, row.run_id), (inspecting.task, row.task_id)):
        with pytest.raises(NotFound):
            yard.store.look(op, 2, one)
        with pytest.raises(NotFound):
            yard.store.look(op, 1, "no\0thing")
