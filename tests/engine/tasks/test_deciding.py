"""Tasks that need a yes wait for it; what is refused decides nothing."""

from __future__ import annotations

import json

import pytest

from runyard.domain.errors import Conflict, DomainError
from runyard.domain.tasks import ApprovalPolicy, Lane, Task, TaskApproval, TaskStatus
from runyard.engine.tasks import deciding, depending
from runyard.engine.tasks.asking import Wish
from tests.engine.tasks.working import fail, finish, types
from tests.support.yard import PERSON, Yard


def manual(yard: Yard, **new) -> Task:
    """A task that needs a yes."""
    return yard.task(approval_policy=ApprovalPolicy.MANUAL, **new)


def approve(yard: Yard, task: Task, **wish):
    """Say yes."""
    return yard.store.transact(deciding.approve, yard.project_id, task.id, Wish(**wish), PERSON)


def reject(yard: Yard, task: Task) -> Task:
    """Say no."""
    return yard.store.transact(deciding.reject, yard.project_id, task.id, PERSON)


def test_a_yes_lets_the_task_be_worked_on(yard: Yard):
    task = manual(yard)
    row = approve(yard, task)
    now = yard.task_now(task)
    assert (now.status, now.approval_state, now.lane) == (TaskStatus.READY, TaskApproval.APPROVED, Lane.OPEN)
    assert types(yard, task) == ["task.created", "task.approved", "task.run_enqueued"]
    assert json.loads(yard.timeline(task)[1].payload) == {
        "previous_approval_state": "pending",
        "approval_state": "approved",
        "status": "ready",
    }
    handed = yard.claim_next(yard.session())
    assert handed is not None
    assert handed.run.id == row.run_id


def test_a_yes_does_not_lift_what_else_is_in_the_way(yard: Yard):
    task, other = manual(yard), yard.task()
    yard.store.transact(depending.add, yard.project_id, task.id, other.id, PERSON)
    approve(yard, task)
    assert yard.task_now(task).status is TaskStatus.BLOCKED
    assert yard.claim_next(yard.session()) is None
    finish(yard, yard.queue(other))
    assert yard.task_now(task).status is TaskStatus.READY
    assert yard.claim_next(yard.session()) is not None


def test_a_no_keeps_the_task_blocked_for_good(yard: Yard):
    task = manual(yard)
    now = reject(yard, task)
    assert (now.status, now.approval_state, now.lane) == (TaskStatus.BLOCKED, TaskApproval.REJECTED, Lane.BLOCKED)
    assert types(yard, task) == ["task.created", "task.rejected"]
    for decide in (approve, reject):
        with pytest.raises(Conflict, match="rejected already"):
            decide(yard, task)


def test_a_yes_that_can_queue_nothing_is_none(yard: Yard):
    draft, busy, free = manual(yard, draft=True), manual(yard), yard.task()
    yard.queue(busy)
    for task, why in ((draft, "draft"), (busy, "one at a time"), (free, "needs no approval")):
        before = types(yard, task), yard.task_now(task)
        with pytest.raises(DomainError, match=why):
            approve(yard, task)
        assert (types(yard, task), yard.task_now(task)) == before


def test_a_second_yes_answers_with_the_run_until_that_ends(yard: Yard):
    task = manual(yard, max_attempts=2)
    first = approve(yard, task)
    assert approve(yard, task) == first
    fail(yard, first)
    second = approve(yard, task)
    assert second.attempt == 2
    fail(yard, second)
    with pytest.raises(Conflict, match="used up"):
        approve(yard, task)
    assert types(yard, task).count("task.approved") == 1
