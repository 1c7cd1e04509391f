"""Calling tasks off, with everything below them and whatever runs they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict
from runyard.domain.moves import move
from runyard.domain.records import Json, Move, Run, TaskMove
from runyard.domain.tasks import Stage, Task, TaskRun, TaskStatus
from runyard.engine import sessions, sizes
from runyard.engine.runs import because
from runyard.engine.tasks import desk
from runyard.engine.tasks.held import said_json
from runyard.engine.tasks.timeline import note
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as sql

REASON = 4096
"""How long a reason may be."""
METADATA = 64 << 10
WORKING = (Stage.STARTING, Stage.RUNNING)


def cancel(
    tx: Tx, project_id: int, task_id: str, by: Doer, *, reason: str | None = None, metadata: Json | None = None
) -> Task:
    """Cancel the task, its open run, and all tasks below it that are not closed; canceled already, it stays as it is.

    Sessions that work on one of the runs are asked to stop. Raises `NotFound`, `Invalid`, `TooLarge`, or `Conflict` for
    a task that ended otherwise.
    """
    sizes.plain("the reason", reason, longest=REASON)
    sizes.within(METADATA, "the metadata", metadata)
    target = desk.find(tx, project_id, task_id)
    below = [] if target.status is TaskStatus.CANCELED else desk.below(tx, target)
    family = [target.id, *(one.id for one in sorted(below, key=_depth) if _is_open(one))]
    _hold_sessions(tx, below, target)
    taken = desk.take_all(tx, family)
    task = desk.own(taken.tasks, project_id, task_id)
    if task.status is TaskStatus.CANCELED:
        return task
    if not _is_open(task):
        raise Conflict(f"the task is {task.status}; only a task that is not closed can be canceled")
    said = {"reason": reason, "metadata": said_json(metadata)}
    tasks = [taken.tasks[one] for one in family if one in taken.tasks and _is_open(taken.tasks[one])]
    working = _cancel_runs(tx, task, [run for one in tasks if (run := taken.run_of(one)) is not None], by, said)
    task = _cancel_tasks(tx, task, tasks, by, said)
    sessions.ask_to_stop(tx, working, by, propagated_from=task.id)
    return task


def _depth(task: Task) -> tuple[int, str]:
    return task.path.count("/"), task.id


def _is_open(task: Task) -> bool:
    """Whether there is something to cancel: a run may need attention though the task had ended before."""
    return not task.is_closed or task.open_run_id is not None


def _hold_sessions(tx: Tx, below: Sequence[Task], target: Task) -> None:
    """Lock the sessions that have the runs: one that ends settles its run, and is locked before it."""
    active = sorted({one.current_run_id for one in (target, *below) if one.current_run_id is not None})
    rows = task_runs_sql.get(tx, active)
    ids = sorted({row.session_id for row in rows.values() if row.session_id is not None})
    if ids:
        sessions_sql.lock(tx, ids)


def _cancel_runs(tx: Tx, target: Task, runs: Sequence[Run], by: Doer, said: dict[str, Any]) -> list[str]:
    """Cancel the runs; the sessions that work on them."""
    rows = task_runs_sql.get(tx, [run.id for run in runs])
    apply(tx, [_canceled(tx, target, run, rows[run.id], by, said) for run in runs])
    return [row.session_id for row in rows.values() if row.stage in WORKING and row.session_id is not None]


def _canceled(tx: Tx, target: Task, run: Run, row: TaskRun, by: Doer, said: dict[str, Any]) -> Move:
    is_worked_on = row.stage in WORKING and row.session_id is not None
    one = move(
        run,
        "cancel",
        tx.now,
        actor=str(by.actor),
        data=because(said["reason"]),
        output=None,
        error=None,
        error_class=None,
    )
    told = said | {
        "propagated_from_task_id": target.id if row.task_id != target.id else None,
        "cooperative_stop_requested": is_worked_on or None,
    }
    return one.for_task(TaskMove(by=by, said=told))


def _cancel_tasks(tx: Tx, target: Task, tasks: Sequence[Task], by: Doer, said: dict[str, Any]) -> Task:
    """Store all of them as canceled, also those whose run's end did not say so, and tell each one's timeline."""
    now = sql.lock(tx, [task.id for task in tasks])
    gone = {"status": TaskStatus.CANCELED, "auto_pending": 0, "updated_at": tx.now, "active_at": tx.now}
    written = desk.write(tx, [(now[task.id], msgspec.structs.replace(now[task.id], **gone)) for task in tasks])
    for task in tasks:
        told = said | {
            "status": TaskStatus.CANCELED,
            "propagated_from_task_id": target.id if task.id != target.id else None,
            "canceled_run_ids": [task.open_run_id] if task.open_run_id is not None else None,
        }
        note(tx, written.tasks[task.id], "task.canceled", by, told)
    return written.tasks[target.id]
