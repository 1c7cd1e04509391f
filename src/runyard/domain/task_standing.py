"""How tasks stand, and what follows from that. Pure."""

from __future__ import annotations

from functools import cache

import msgspec

from runyard.domain.tasks import CLOSED, Lane, Stage, Task, TaskStatus, counted_as, task_key

Signs = tuple[TaskStatus, Stage | None, Stage | None, bool, bool, bool]
"""What decides: the status so far, the stages of the open run and of the last one that ended, and whether the task is
blocked, whether it waits for a person's word, and whether it may have no further run."""


def settled(task: Task, now: int) -> Task:
    """The task with everything that follows from the rest of it; the same where that is so already."""
    status, lane = standing_of(
        (task.status, task.open_stage, task.last_stage, task.is_blocked, task.is_asked_for, task.is_exhausted)
    )
    closed_at = (task.closed_at or now) if status in CLOSED else None
    counted = counted_as(task_key(task))
    if (status, lane, closed_at, counted) == (task.status, task.lane, task.closed_at, task.counted):
        return task
    return msgspec.structs.replace(task, status=status, lane=lane, closed_at=closed_at, counted=counted)


@cache
def standing_of(signs: Signs) -> tuple[TaskStatus, Lane | None]:
    """How a task stands, and where in an inbox, whoever looks. Worked out once for each of the few ways to stand."""
    status = _status_of(signs)
    return status, _lane_of(signs, status)


def _status_of(signs: Signs) -> TaskStatus:
    """The first of these rules that applies decides."""
    status, open_stage, last_stage, is_blocked, _, is_exhausted = signs
    if status in (TaskStatus.CANCELED, TaskStatus.DRAFT):
        return status
    if open_stage in (Stage.STARTING, Stage.RUNNING):
        return TaskStatus.IN_PROGRESS
    waiting = TaskStatus.BLOCKED if is_blocked else TaskStatus.READY
    if open_stage in (Stage.QUEUED, Stage.CLAIMED):
        return waiting
    match last_stage:
        case Stage.COMPLETED:
            return TaskStatus.COMPLETED
        case Stage.CANCELED:
            return TaskStatus.CANCELED
        case Stage.FAILED:
            return TaskStatus.FAILED if is_exhausted else waiting
    return status if status in CLOSED else waiting


def _lane_of(signs: Signs, status: TaskStatus) -> Lane | None:
    _, open_stage, last_stage, _, is_asked_for, _ = signs
    if status is TaskStatus.BLOCKED and is_asked_for:
        return Lane.APPROVALS
    if (open_stage or last_stage) is Stage.FAILED:
        return Lane.FAILED_RUNS
    if status is TaskStatus.BLOCKED:
        return Lane.BLOCKED
    return None if status in CLOSED or status is TaskStatus.DRAFT else Lane.OPEN
