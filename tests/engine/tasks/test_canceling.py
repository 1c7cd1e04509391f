"""A task that is canceled takes everything below it along, in one transaction."""

from __future__ import annotations

import json

import pytest

from runyard.domain.errors import Conflict, NotFound, TooLarge
from runyard.domain.sessions import SessionState
from runyard.domain.states import RunState
from runyard.domain.tasks import Stage, Task, TaskStatus
from runyard.engine import sessions
from runyard.engine.tasks import canceling
from tests.engine.tasks.working import begin, depend, fail, finish, types
from tests.support.yard import PERSON, Yard


def cancel(yard: Yard, task: Task, **said) -> Task:
    """Call the task off."""
    return yard.store.transact(canceling.cancel, yard.project_id, task.id, PERSON, **said)


def said(yard: Yard, task: Task, event: str) -> dict[str, object]:
    """What the line of that kind says."""
    (line,) = [line for line in yard.timeline(task) if line.type == event]
    found: dict[str, object] = json.loads(line.payload)
    return found


def test_a_task_its_run_and_all_below_are_canceled(yard: Yard):
    root = yard.task()
    child = yard.task(parent=root)
    leaf, done = yard.task(parent=child), yard.task(parent=child)
    finish(yard, yard.queue(done))
    rows = [yard.queue(task) for task in (root, leaf)]
    now = cancel(yard, root, reason="enough", metadata='{"a":1}')
    assert (now.status, now.open_run_id, now.closed_at is not None) == (TaskStatus.CANCELED, None, True)
    assert [yard.task_now(task).status for task in (child, leaf, done)] == ["canceled", "canceled", "completed"]
    assert [yard.state(row.run_id) for row in rows] == [RunState.CANCELED] * 2
    assert yard.claim_next(yard.session()) is None
    assert types(yard, root)[-2:] == ["task.run_canceled", "task.canceled"]
    why = {"reason": "enough", "metadata": {"a": 1}, "status": "canceled"}
    assert said(yard, root, "task.canceled") == why | {"canceled_run_ids": [rows[0].run_id]}
    assert said(yard, child, "task.canceled") == why | {"propagated_from_task_id": root.id}
    assert said(yard, leaf, "task.run_canceled") == why | {
        "propagated_from_task_id": root.id,
        "task_status": "canceled",
    }
    assert "task.canceled" not in types(yard, done)


def test_parents_are_canceled_before_their_children(yard: Yard):
    root = yard.task()
    first, second = yard.task(parent=root), yard.task(parent=root)
    leaf = yard.task(parent=first)
    cancel(yard, root)
    order = [(line.seq, task.id) for task in (root, first, second, leaf) for line in yard.timeline(task)[-1:]]
    assert [task_id for _, task_id in sorted(order)] == [root.id, first.id, second.id, leaf.id]


def test_who_works_on_it_is_asked_to_stop(yard: Yard):
    root = yard.task()
    child = yard.task(parent=root)
    busy, idle = yard.session(), yard.session()
    begin(yard, yard.queue(child), busy)
    cancel(yard, root)
    states = [yard.store.look(sessions.find, yard.project_id, one.id).state for one in (busy, idle)]
    assert states == [SessionState.STOPPING, SessionState.ACTIVE]
    assert said(yard, child, "task.run_canceled")["cooperative_stop_requested"] is True


def test_a_run_that_needs_attention_is_canceled_too(yard: Yard):
    root, done = yard.task(), yard.task()
    below = yard.task(parent=done)
    finish(yard, yard.queue(done))
    for task in (root, done, below):
        yard.starve(yard.queue(task))
    assert yard.task_now(done).status is TaskStatus.COMPLETED
    for task in (root, done, below):
        assert yard.task_now(task).open_stage is Stage.NEEDS_ATTENTION
    for task in (root, done):
        assert cancel(yard, task).status is TaskStatus.CANCELED
    now = yard.task_now(below)
    assert (now.status, now.open_run_id) == (TaskStatus.CANCELED, None)


def test_what_has_ended_is_not_canceled_and_what_is_canceled_stays_so(yard: Yard):
    done, failed, gone = yard.task(), yard.task(max_attempts=1), yard.task()
    finish(yard, yard.queue(done))
    fail(yard, yard.queue(failed))
    for task in (done, failed):
        with pytest.raises(Conflict, match="only a task that is not closed"):
            cancel(yard, task)
    yard.queue(done)
    assert cancel(yard, done).status is TaskStatus.CANCELED, "it had been started again"
    cancel(yard, gone)
    late = yard.task(parent=gone)
    lines = types(yard, gone)
    assert cancel(yard, gone) == yard.task_now(gone)
    assert types(yard, gone) == lines
    assert yard.task_now(late).status is TaskStatus.READY


def test_a_draft_and_a_paused_task_are_canceled(yard: Yard):
    draft = yard.task(draft=True)
    assert cancel(yard, draft).status is TaskStatus.CANCELED
    assert types(yard, draft) == ["task.created", "task.canceled"]


def test_dependents_of_a_canceled_task_are_blocked_again(yard: Yard):
    done, waiting = yard.task(), yard.task()
    finish(yard, yard.queue(done))
    depend(yard, waiting, done)
    yard.queue(done)
    cancel(yard, done)
    now = yard.task_now(waiting)
    assert (now.status, now.unmet) == (TaskStatus.BLOCKED, 1)


def test_what_cannot_be_said_is_refused(yard: Yard):
    task = yard.task()
    with pytest.raises(TooLarge):
        cancel(yard, task, metadata='"' + "x" * (64 << 10) + '"')
    with pytest.raises(NotFound):
        cancel(Yard(yard.store, yard.clock, project_id=2), task)
    assert yard.task_now(task).status is TaskStatus.READY


def test_a_late_report_of_a_canceled_run_changes_nothing(yard: Yard):
    task = yard.task()
    row = yard.queue(task)
    handed = yard.claim_next(yard.session())
    assert handed is not None
    cancel(yard, task)
    assert yard.after(seconds=301) == 0
    assert (yard.state(row.run_id), yard.task_now(task).status) == (RunState.CANCELED, TaskStatus.CANCELED)
