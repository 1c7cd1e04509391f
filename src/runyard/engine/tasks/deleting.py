"""Deleting tasks with everything of theirs: runs, timelines, reviews, and what others waited for in them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Invalid
from runyard.domain.states import FINAL, RunState
from runyard.domain.tasks import Stage, Task, TaskStatus
from runyard.engine import retention
from runyard.engine.tasks import asking, desk, marks, queueing
from runyard.storage.port import Tx
from runyard.storage.statements import task_deletions as sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql

DELETABLE = FINAL | {RunState.NEEDS_ATTENTION}


def delete(tx: Tx, project_id: int, task_id: str, by: Doer) -> None:
    """Delete the task; those that waited for it wait for one less, and go on where it was the last.

    Raises `NotFound`, and `Invalid` while it has children or a run that is under way.
    """
    taken = take(tx, [desk.find(tx, project_id, task_id)])
    task = desk.own(taken, project_id, task_id)
    if task.children:
        raise Invalid(f"the task has {task.children} children; delete them first")
    if task.open_stage not in (None, Stage.NEEDS_ATTENTION):
        raise Invalid(f"the task has a run that is {task.open_stage}; cancel it first")
    remove(tx, taken, [task], by)


def take(tx: Tx, tasks: Sequence[Task]) -> dict[str, Task]:
    """These tasks as they stand, with all that change when they go, locked."""
    ids = {task.id for task in tasks}
    around = {task.parent_id for task in tasks if task.parent_id is not None} | _waiting(tx, ids)
    taken = desk.take_all(tx, ids | around).tasks
    # What came to depend on them while they were waited for; no more of it can come now.
    late = _waiting(tx, ids) - taken.keys()
    return taken | desk.take_all(tx, late).tasks if late else taken


def _waiting(tx: Tx, ids: set[str]) -> set[str]:
    return {task_id for task_id, _ in tasks_sql.dependents(tx, sorted(ids))}


def remove(tx: Tx, taken: dict[str, Task], tasks: Sequence[Task], by: Doer) -> None:
    """Delete tasks that have no children, given what `take` found."""
    ids = [task.id for task in tasks]
    edges = tasks_sql.dependents(tx, ids)
    now = {one: task for one, task in taken.items() if one not in ids}
    for task_id, depends_on in edges:
        if task_id in now:
            unmet = now[task_id].unmet - int(taken[depends_on].status is not TaskStatus.COMPLETED)
            left = now[task_id].dependencies - 1
            now[task_id] = msgspec.structs.replace(now[task_id], dependencies=left, unmet=unmet)
    for task in tasks:
        parent = now.get(task.parent_id or "")
        if parent is not None:
            now[parent.id] = msgspec.structs.replace(parent, children=parent.children - 1)
        _remove_runs(tx, task)
        marks.forget(tx, task)
    desk.recount(tx, tasks, [])
    sql.delete(tx, ids)
    written = desk.write(tx, [(taken[one], task) for one, task in now.items() if task != taken[one]])
    queueing.auto(tx, written.freed, by)


def _remove_runs(tx: Tx, task: Task) -> None:
    rows = task_runs_sql.of_task(tx, task.id, max(task.attempts, 1))
    desk.recount_runs(tx, [(task, row) for row in rows], [])
    asking.forget(tx, rows)
    ids = [row.run_id for row in rows]
    while ids and not retention.delete_runs(tx, ids, among=DELETABLE).done:
        continue
