"""Holding tasks up: nothing of a paused task, nor of those below it, is handed out. What is worked on goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.tasks import Task
from runyard.engine.tasks import desk, forcing, queueing
from runyard.engine.tasks.desk import Taken
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.held import said_json
from runyard.engine.tasks.refusals import AlreadyTerminal, ReasonRequired
from runyard.engine.tasks.timeline import note
from runyard.storage.port import Tx
from runyard.storage.statements import tasks as sql

PLACE = "task.pause"


def pause(tx: Tx, task_id: str, force: Force) -> Task:
    """Hold up the task and all below it; paused already, it is so for the new reason.

    Raises `ForbiddenToAgents`, `ReasonRequired`, `TooLarge`, `NotFound`, `AlreadyTerminal` or `ForcedTooOften`.
    """
    forcing.check_allowed(force)
    if not force.reason:
        raise ReasonRequired("`reason` must say why the task is paused", place=PLACE)
    forcing.check_sizes(force)
    taken = _take(tx, force.project_id, task_id)
    before = desk.own(taken.tasks, force.project_id, task_id)
    if before.is_closed:
        raise AlreadyTerminal(f"the task is {before.status}; only a task that is not closed can be paused", place=PLACE)
    forcing.count(tx, force.project_id, force.by, before.id)
    task = _write(tx, before, paused_at=tx.now, paused_by=str(force.by.actor), paused_reason=force.reason)
    if before.paused_at is None:
        _rehold_below(tx, task, taken)
    note(tx, task, "task.paused", force.by, _said(before, task, force) | {"reason": force.reason})
    return task


def resume(tx: Tx, task_id: str, force: Force) -> Task:
    """Hold the task up no longer, paused or not; what another pause above or below holds stays held.

    Runs that became due meanwhile are queued now. Raises `ForbiddenToAgents`, `TooLarge`, `NotFound` or
    `ForcedTooOften`.
    """
    forcing.check_allowed(force)
    forcing.check_sizes(force)
    taken = _take(tx, force.project_id, task_id)
    before = desk.own(taken.tasks, force.project_id, task_id)
    forcing.count(tx, force.project_id, force.by, before.id)
    task = _write(tx, before, paused_at=None, paused_by=None, paused_reason=None)
    if before.paused_at is not None:
        _rehold_below(tx, task, taken)
    note(tx, task, "task.resumed", force.by, _said(before, task, force))
    if before.paused_at is not None:
        _catch_up(tx, task, force.by)
    return task


def _take(tx: Tx, project_id: int, task_id: str) -> Taken:
    """The task, locked, and with it those below that have queued runs, since all are locked in one order."""
    task = desk.find(tx, project_id, task_id)
    return desk.take_all(tx, [task.id, *sql.waiting_below(tx, task.path)])


def _write(tx: Tx, before: Task, **changes: Any) -> Task:
    after = msgspec.structs.replace(before, updated_at=tx.now, active_at=tx.now, **changes)
    return desk.write_one(tx, before, after)


def _rehold_below(tx: Tx, task: Task, taken: Taken) -> None:
    """Let the queued runs of tasks below be claimed or not, as the pauses above them now stand."""
    late = desk.take_all(tx, [one for one in sql.waiting_below(tx, task.path) if one not in taken.tasks])
    below = [one for one in (*taken.tasks.values(), *late.tasks.values()) if one.id != task.id]
    desk.rehold(tx, below, taken.runs | late.runs)


def _catch_up(tx: Tx, task: Task, by: Doer) -> None:
    """Queue the runs that became due while the tasks here and below were paused."""
    owed = desk.take_all(tx, [task.id, *sql.owed_below(tx, task.path)]).tasks.values()
    due = [one for one in owed if one.auto_pending]
    paused = desk.paused_by(tx, due, keep=True)
    free = [one for one in due if one.id not in paused]
    queueing.auto(tx, free, by)
    _write_off(tx, [one for one in free if not queueing.wants(one)])


def _write_off(tx: Tx, tasks: Sequence[Task]) -> None:
    """Forget what was due on tasks that have another run by now, or are blocked again."""
    desk.write(tx, [(task, msgspec.structs.replace(task, auto_pending=0)) for task in tasks])


def _said(before: Task, task: Task, force: Force) -> dict[str, object]:
    return forcing.said_of(force) | {
        "previous_paused": before.paused_at is not None,
        "paused": task.paused_at is not None,
        "metadata": said_json(force.metadata),
    }
