"""Coding tasks as they are shown: with what they say, who made them, and their latest run."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.coding import CodingSeen, CodingTask, TaskSeen
from runyard.domain.errors import NotFound
from runyard.domain.tasks import Task
from runyard.engine import projects
from runyard.engine.coding import runs, tasks
from runyard.storage.port import Tx
from runyard.storage.statements import coding_lists
from runyard.storage.statements import coding_tasks as sql
from runyard.storage.statements import tasks as tasks_sql

ELSEWHERE = "runyard"
"""Where a task came from that was not made as a coding task."""


def see(tx: Tx, project_id: int, task_id: str) -> TaskSeen:
    """The task, which need not be a coding task. Raises `NotFound`."""
    task = tasks.find(tx, project_id, task_id)
    row = sql.get(tx, [task.id]).get(task.id)
    if row is not None:
        return see_all(tx, project_id, [row])[0]
    row = as_coding(task)
    return _shown(task, row, project=projects.find(tx, project_id).name, creator=None, latest=_latest_of(tx, task))


def see_all(tx: Tx, project_id: int, rows: Sequence[CodingTask]) -> list[TaskSeen]:
    """These coding tasks of one project, in their order; those that are gone are left out."""
    if not rows:
        return []
    found = tasks_sql.get(tx, [row.task_id for row in rows])
    latest = runs.latest(tx, [row.latest_run_id for row in rows if row.latest_run_id is not None])
    names = coding_lists.creators(tx, sorted({row.creator for row in rows if row.creator is not None}))
    project = projects.find(tx, project_id).name
    return [
        _shown(
            found[row.task_id],
            row,
            project=project,
            creator=names.get(row.creator or ""),
            latest=latest.get(row.latest_run_id or ""),
        )
        for row in rows
        if row.task_id in found
    ]


def as_coding(task: Task) -> CodingTask:
    """What would stand beside a task that was not made as a coding task."""
    return CodingTask(
        task_id=task.id,
        project_id=task.project_id,
        number=None,
        titled=1,
        product=ELSEWHERE,
        repository=None,
        integration=None,
        output_schema=None,
        creator=None,
        creator_number=0,
        created_at=task.created_at,
        updated_at=task.updated_at,
        deleted_at=None,
        latest_run_id=task.latest_run_id,
        latest_state=None,
    )


def _latest_of(tx: Tx, task: Task) -> CodingSeen | None:
    if task.latest_run_id is None:
        return None
    try:
        return runs.see(tx, task.project_id, task.id, task.latest_run_id)
    except NotFound:
        return None


def _shown(task: Task, row: CodingTask, *, project: str, creator: str | None, latest: CodingSeen | None) -> TaskSeen:
    return TaskSeen(
        row=row,
        title=task.title,
        description=task.description or "",
        project=project,
        creator=creator,
        updated_at=max(row.updated_at, task.updated_at),
        latest=latest,
    )
