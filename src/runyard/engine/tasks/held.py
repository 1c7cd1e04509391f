"""Runs of tasks taken in hand by people and programs: found, locked, moved, and shown as they are then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import NotFound
from runyard.domain.moves import move
from runyard.domain.records import Move, Run, TaskMove
from runyard.engine.runs import because
from runyard.engine.tasks.views import RunSeen
from runyard.engine.transitions import apply_to_tasks
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql


def find(tx: Tx, project_id: int, run_id: str) -> RunSeen:
    """The run, for reading. Raises `NotFound`, for a run that is of no task as well."""
    row = task_runs_sql.get(tx, [run_id]).get(run_id) if "\0" not in run_id else None
    if row is None or row.project_id != project_id:
        raise unknown(run_id)
    runs, tasks = runs_sql.get(tx, [run_id]), tasks_sql.get(tx, [row.task_id])
    if not runs or not tasks:
        raise unknown(run_id)
    return RunSeen(run=runs[run_id], row=row, task=tasks[row.task_id])


def take(tx: Tx, project_id: int, run_id: str) -> RunSeen:
    """The run and its task, locked. Raises `NotFound`, for a run that is of no task as well."""
    taken = take_all(tx, project_id, [run_id])
    if run_id not in taken:
        raise unknown(run_id)
    return taken[run_id]


def take_from_session(tx: Tx, project_id: int, run_id: str) -> RunSeen:
    """`take` by one who may ask the run's session to stop, which is locked before the run, as by who ends it.

    A session that the run comes to in this very instant is locked late; the database does one of two over then.
    """
    row = task_runs_sql.get(tx, [run_id]).get(run_id) if "\0" not in run_id else None
    if row is not None and row.project_id == project_id and row.session_id is not None:
        sessions_sql.lock(tx, [row.session_id])
    return take(tx, project_id, run_id)


def take_all(tx: Tx, project_id: int, ids: Sequence[str]) -> dict[str, RunSeen]:
    """The runs and their tasks, locked; what is no run of a task of the project is absent."""
    wanted = sorted({one for one in ids if "\0" not in one})
    runs = runs_sql.lock(tx, wanted) if wanted else {}
    rows = {row.run_id: row for row in task_runs_sql.get(tx, wanted).values() if row.project_id == project_id}
    tasks = tasks_sql.lock(tx, [row.task_id for row in rows.values()])
    return {
        one: RunSeen(run=runs[one], row=row, task=tasks[row.task_id])
        for one, row in rows.items()
        if one in runs and row.task_id in tasks
    }


def moved(tx: Tx, moves: Sequence[Move]) -> list[RunSeen]:
    """Make the moves of runs that were taken; the runs as they stand then, in order."""
    runs, followed = apply_to_tasks(tx, moves)
    rows = (followed.rows[run.id] for run in runs)
    return [RunSeen(run=run, row=row, task=followed.tasks[row.task_id]) for run, row in zip(runs, rows, strict=True)]


def move_one(tx: Tx, move: Move) -> RunSeen:
    """`moved` of one run."""
    return moved(tx, [move])[0]


def called_off(by: Doer, said: dict[str, Any], *, is_worked_on: bool, above: str | None = None) -> TaskMove:
    """What it means to a task that its run is canceled, for the `reason` and with the `metadata` that are said.

    `is_worked_on` says that a session is asked to stop, `above` names the task that was canceled and took it along.
    """
    told = {"propagated_from_task_id": above, "cooperative_stop_requested": is_worked_on or None}
    return TaskMove(by=by, said=said | told)


def cancellation(run: Run, now: int, told: TaskMove) -> Move:
    """The move that cancels a run, with what that means to its task."""
    return move(
        run,
        "cancel",
        now,
        actor=str(told.by.actor),
        data=because(told.said["reason"]),
        task=told,
        output=None,
        error=None,
        error_class=None,
    )


def unknown(run_id: str) -> NotFound:
    """Why a run is not there."""
    return NotFound(f"there is no run of a task {run_id[:64]!r} in this project")


def said_json(text: str | None) -> msgspec.Raw | None:
    """JSON that goes into a timeline as it came."""
    return None if text is None else msgspec.Raw(text.encode())
