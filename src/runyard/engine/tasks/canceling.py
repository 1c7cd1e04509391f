"""Calling tasks off, with everything below them and whatever runs they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict
from runyard.domain.records import Json
from runyard.domain.states import RunState
from runyard.domain.tasks import ACTIVE, Stage, Task, TaskStatus, stage_of
from runyard.engine import sessions, sizes
from runyard.engine.tasks import desk, held
from runyard.engine.tasks.desk import Taken
from runyard.engine.tasks.timeline import note
from runyard.engine.transitions import apply_to_tasks
from runyard.storage.port import Tx
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as sql
from runyard.storage.statements.tasks import Below

REASON = 4096
"""How long a reason may be."""
METADATA = 64 << 10
WORKING = {state for state in RunState if stage_of(state) in (Stage.STARTING, Stage.RUNNING)}
"""A session that has a run in one of these is asked to stop."""


def cancel(
    tx: Tx, project_id: int, task_id: str, by: Doer, *, reason: str | None = None, metadata: Json | None = None
) -> Task:
    """Cancel the task, its open runs, and all tasks below it that are not closed; canceled already, it stays as it is.

    Sessions that work on one of the runs are asked to stop. Raises `NotFound`, `Invalid`, `TooLarge`, or `Conflict` for
    a task that ended otherwise.
    """
    sizes.plain("the reason", reason, longest=REASON)
    sizes.within(METADATA, "the metadata", metadata)
    target = desk.find(tx, project_id, task_id)
    below = [] if target.status is TaskStatus.CANCELED else sql.open_below(tx, target.path)
    family = [target.id, *(one.id for one in sorted(below, key=_depth))]
    # A session that ends settles its run, and is locked before it; so it is here.
    worked_on = [one.id for one in below if one.open_stage in ACTIVE]
    if holders := task_runs_sql.sessions_of(tx, [target.id, *worked_on]):
        sessions_sql.lock(tx, sorted(set(holders.values())))
    taken = desk.take_all(tx, family)
    task = desk.own(taken.tasks, project_id, task_id)
    if task.status is TaskStatus.CANCELED:
        return task
    if not _is_open(task):
        raise Conflict(f"the task is {task.status}; only a task that is not closed can be canceled")
    said = {"reason": reason, "metadata": held.said_json(metadata)}
    tasks = [taken.tasks[one] for one in family if one in taken.tasks and _is_open(taken.tasks[one])]
    now, working = _cancel_runs(tx, task, taken, by, said)
    now |= _cancel_tasks(tx, [now.get(one.id, one) for one in tasks])
    ended: dict[str | None, list[str]] = {}
    for run_id, run in sorted(taken.runs.items()):
        ended.setdefault(run.task_id, []).append(run_id)
    for one in tasks:
        told = {
            **said,
            "canceled_run_ids": ended.get(one.id),
            "status": TaskStatus.CANCELED,
            "propagated_from_task_id": task.id if one.id != task.id else None,
        }
        note(tx, one, "task.canceled", by, told)
    sessions.ask_to_stop(tx, working, by, propagated_from=task.id)
    return now[task.id]


def _depth(one: Below) -> tuple[int, str]:
    return one.path.count("/"), one.id


def _is_open(task: Task) -> bool:
    """Whether there is something to cancel: a run may need attention though the task had ended before."""
    return not task.is_closed or task.open_run_id is not None


def _cancel_runs(
    tx: Tx, target: Task, taken: Taken, by: Doer, said: dict[str, Any]
) -> tuple[dict[str, Task], list[str]]:
    """Cancel the open runs; their tasks as they stand then, and the sessions that worked on them."""
    held_ones = sorted(task.id for task in taken.tasks.values() if task.current_run_id is not None)
    holders = task_runs_sql.sessions_of(tx, held_ones)
    working = {run.id: holders[run.id] for run in taken.runs.values() if run.id in holders and run.state in WORKING}
    runs = sorted(taken.runs.values(), key=lambda run: run.task_id != target.id)
    told = {
        (below, worked_on): held.called_off(by, said, is_worked_on=worked_on, above=target.id if below else None)
        for below in (False, True)
        for worked_on in (False, True)
    }
    moves = [held.cancellation(run, tx.now, told[run.task_id != target.id, run.id in working]) for run in runs]
    _, followed = apply_to_tasks(tx, moves, taken.tasks)
    return dict(followed.tasks), sorted(working.values())


def _cancel_tasks(tx: Tx, tasks: Sequence[Task]) -> dict[str, Task]:
    """Store as canceled whatever of these is not so already because of its run."""
    gone = {"status": TaskStatus.CANCELED, "auto_pending": 0, "active_at": tx.now}
    left = [task for task in tasks if task.status is not TaskStatus.CANCELED]
    return desk.write(tx, [(task, msgspec.structs.replace(task, **gone)) for task in left]).tasks
