"""Decisions on tasks that wait for a person to say yes."""

from __future__ import annotations

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict
from runyard.domain.task_standing import settled
from runyard.domain.tasks import ApprovalPolicy, Task, TaskApproval, TaskRun
from runyard.engine.tasks import asking, desk
from runyard.engine.tasks.asking import Wish
from runyard.engine.tasks.timeline import note
from runyard.storage.port import Tx


def approve(tx: Tx, project_id: int, task_id: str, wish: Wish, by: Doer) -> TaskRun:
    """Say yes, and queue a run, which dependencies may still hold up; asked for again, the run it has.

    Once that run ended, another one is queued. Raises `NotFound`, `Invalid`, or `Conflict` where nothing waits for a
    decision or no run can be queued; then nothing is decided.
    """
    before, _ = desk.take(tx, project_id, task_id)
    key = asking.key_of(wish, by, f"task.approval.{before.id}")
    held = asking.held_by(tx, before, key)
    if held is not None and held.answers:
        return held.row
    if held is not None and before.approval_state is TaskApproval.APPROVED:
        return asking.queue(tx, before, wish, by, key)
    after, said = _decided(tx, before, TaskApproval.APPROVED)
    return asking.queue(tx, before, wish, by, key, after=after, told=("task.approved", said))


def reject(tx: Tx, project_id: int, task_id: str, by: Doer) -> Task:
    """Say no: the task stays blocked until its approval policy is changed. Raises `NotFound` or `Conflict`."""
    before, _ = desk.take(tx, project_id, task_id)
    after, said = _decided(tx, before, TaskApproval.REJECTED)
    task = desk.write_one(tx, before, after)
    note(tx, task, "task.rejected", by, said)
    return task


def _decided(tx: Tx, before: Task, state: TaskApproval) -> tuple[Task, dict[str, str]]:
    """The task after the decision, and what its timeline says of it. Raises `Conflict`."""
    if before.approval_policy is not ApprovalPolicy.MANUAL:
        raise Conflict("the task needs no approval; its approval policy is none")
    if before.approval_state is not TaskApproval.PENDING:
        raise Conflict(f"the task is {before.approval_state} already; set its approval policy anew to decide again")
    after = msgspec.structs.replace(before, approval_state=state, updated_at=tx.now, active_at=tx.now)
    after = settled(after, tx.now)
    said = {
        "previous_approval_state": before.approval_state.value,
        "approval_state": after.approval_state.value,
        "status": after.status.value,
    }
    return after, said
