"""Reading timelines: a task's own, and live that of a task and of all below it (AGH contract §23)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.tasks import Task, TaskEvent
from runyard.engine import events
from runyard.engine.tasks import desk, views
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_events as sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line, with its task and run as they stand now."""

    event: TaskEvent
    task: Seen
    run: RunSeen | None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a branch found."""

    items: Sequence[Item]
    more: bool
    """Whether more is there already."""
    newest: int
    """The number of the newest line of the whole server as the look began."""
    gone: bool = False
    """Whether the task was deleted."""


def page(tx: Tx, project_id: int, task_id: str, *, after: int = 0, limit: int) -> list[Item]:
    """The task's first lines after a number, oldest first. Raises `NotFound`."""
    task = desk.find(tx, project_id, task_id)
    return items(tx, sql.of_task(tx, task.id, after=after, n=limit))


def items(tx: Tx, lines: Sequence[TaskEvent]) -> list[Item]:
    """The lines with their tasks and runs; those of tasks that are gone are left out."""
    tasks = tasks_sql.get(tx, sorted({line.task_id for line in lines}))
    seen = {one.task.id: one for one in views.see(tx, list(tasks.values()))}
    ids = sorted({line.run_id for line in lines if line.run_id is not None})
    rows, runs = task_runs_sql.get(tx, ids), runs_sql.get(tx, ids)

    def run_of(line: TaskEvent) -> RunSeen | None:
        run, row = runs.get(line.run_id or ""), rows.get(line.run_id or "")
        return RunSeen(run=run, row=row, task=tasks[row.task_id]) if run is not None and row is not None else None

    return [Item(event=line, task=seen[line.task_id], run=run_of(line)) for line in lines if line.task_id in seen]


def look(tx: Tx, task: Task, after: int, limit: int) -> Look:
    """The next lines of the task and of all below it."""
    newest = events.newest_seq(tx)
    if not tasks_sql.get(tx, [task.id]):
        return Look(items=[], more=False, newest=newest, gone=True)
    lines = sql.of_branch(tx, task.root_id, task.path, after=after, n=limit)
    return Look(items=items(tx, lines), more=len(lines) >= limit, newest=newest)
