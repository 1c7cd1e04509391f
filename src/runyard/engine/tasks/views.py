"""Tasks and their runs as they are shown: with what is not kept in their rows, read for all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec

import msgspec

from runyard.domain.records import Run
from runyard.domain.tasks import Task, TaskRun
from runyard.engine.tasks import desk
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_events as events_sql
from runyard.storage.statements import task_runs as task_runs_sql

P = ParamSpec("P")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A task, where its timeline stands, and which task holds it up."""

    task: Task
    sequence: int
    """The number of its newest line, 0 where there is none."""
    paused_by: str | None
    """Itself, or the nearest task above it that is paused."""


class RunSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a task, and what stands beside it."""

    run: Run
    row: TaskRun
    task: Task


def see(tx: Tx, tasks: Sequence[Task]) -> list[Seen]:
    """The tasks as they are shown, in their order."""
    paused = desk.paused_by(tx, tasks)
    latest = events_sql.latest(tx, [task.id for task in tasks])
    return [Seen(task=task, sequence=latest.get(task.id, 0), paused_by=paused.get(task.id)) for task in tasks]


def see_one(tx: Tx, task: Task) -> Seen:
    """The task as it is shown."""
    return see(tx, [task])[0]


def seen_after(tx: Tx, op: Callable[Concatenate[Tx, P], Task], /, *args: P.args, **kwargs: P.kwargs) -> Seen:
    """The task that the operation answers, as it is shown."""
    return see_one(tx, op(tx, *args, **kwargs))


def see_runs(tx: Tx, task: Task, rows: Sequence[TaskRun]) -> list[RunSeen]:
    """Runs of one task as they are shown, in their order; those that are gone are left out."""
    runs = runs_sql.get(tx, [row.run_id for row in rows])
    return [RunSeen(run=runs[row.run_id], row=row, task=task) for row in rows if row.run_id in runs]


def open_runs(tx: Tx, tasks: Sequence[Task]) -> dict[str, RunSeen]:
    """The open runs of these tasks, by task."""
    owners = {task.open_run_id: task for task in tasks if task.open_run_id is not None}
    rows = task_runs_sql.get(tx, sorted(owners))
    runs = runs_sql.get(tx, sorted(owners))
    return {
        task.id: RunSeen(run=runs[run_id], row=rows[run_id], task=task)
        for run_id, task in owners.items()
        if run_id in runs and run_id in rows
    }
