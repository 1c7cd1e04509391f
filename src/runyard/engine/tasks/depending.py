"""What tasks wait for: other tasks, until these are completed."""

from __future__ import annotations

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.tasks import MAX_DEPENDENCIES, Task, TaskStatus
from runyard.engine.tasks import desk, queueing
from runyard.engine.tasks.timeline import note
from runyard.storage.port import Tx
from runyard.storage.statements import dependencies as projects_sql
from runyard.storage.statements import task_dependencies as sql

REACH = 10_000
"""How many tasks are looked at to find a circle."""


def add(tx: Tx, project_id: int, task_id: str, depends_on_id: str, by: Doer) -> Task:
    """Let the task wait for another one.

    Raises `NotFound`, `Invalid` for itself or what it waits for already, and `Conflict` for a circle or one too many.
    """
    ends = [desk.find(tx, project_id, one).id for one in (task_id, depends_on_id)]
    if task_id == depends_on_id:
        raise Invalid("a task cannot depend on itself")
    # Edges that others add at this moment may close a circle together with this one, though they share no task with it.
    projects_sql.lock_project(tx, project_id)
    # Both ends are held, so that the other one is completed either before this edge is counted or after it is seen.
    tasks = desk.take_all(tx, ends).tasks
    before, other = (desk.own(tasks, project_id, one) for one in ends)
    there = sql.of_task(tx, before.id)
    if other.id in there:
        raise Invalid("the task depends on that one already")
    if len(there) >= MAX_DEPENDENCIES:
        raise Conflict(f"the task depends on {MAX_DEPENDENCIES} others already, which is the most; remove one first")
    _check_circle(tx, before, other)
    sql.add(tx, project_id, [(before.id, other.id)])
    unmet = before.unmet + int(other.status is not TaskStatus.COMPLETED)
    after = msgspec.structs.replace(before, dependencies=before.dependencies + 1, unmet=unmet, active_at=tx.now)
    task = desk.write_one(tx, before, after)
    note(tx, task, "task.dependency_added", by, _said(task, other.id))
    return task


def remove(tx: Tx, project_id: int, task_id: str, depends_on_id: str, by: Doer) -> Task:
    """Let the task wait for the other one no longer; nothing else in the way, it is ready. Raises `NotFound`."""
    desk.find(tx, project_id, task_id)
    desk.find(tx, project_id, depends_on_id)
    tasks = desk.take_all(tx, [task_id, depends_on_id]).tasks
    before, other = (desk.own(tasks, project_id, one) for one in (task_id, depends_on_id))
    if not sql.remove(tx, before.id, other.id):
        raise NotFound("the task does not depend on that one")
    unmet = before.unmet - int(other.status is not TaskStatus.COMPLETED)
    after = msgspec.structs.replace(before, dependencies=before.dependencies - 1, unmet=unmet, active_at=tx.now)
    written = desk.write(tx, [(before, after)])
    task = written.tasks[before.id]
    note(tx, task, "task.dependency_removed", by, _said(task, other.id))
    queueing.auto(tx, written.freed, by)
    return task


def _check_circle(tx: Tx, task: Task, other: Task) -> None:
    """Raise `Conflict` when the other task waits for this one, over whatever others."""
    count, found = sql.reaches(tx, other.id, task.id, REACH)
    if found:
        raise Conflict("that task depends on this one already, itself or through others; tasks cannot wait in a circle")
    if count >= REACH:
        raise Conflict(f"that task depends on {REACH} others or more; nobody could follow that")


def _said(task: Task, other_id: str) -> dict[str, str]:
    return {"depends_on_task_id": other_id, "kind": "blocks", "status": task.status.value}
