"""What a run's move does to its task: the row beside the run, the task's status, its dependents, its timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer, server
from runyard.domain.records import Move, TaskMove
from runyard.domain.states import RunState
from runyard.domain.tasks import ENDED_STAGES, Stage, Task, TaskRun, TaskStatus, followed
from runyard.engine.tasks import desk, queueing
from runyard.engine.tasks.timeline import note
from runyard.storage.port import TaskLine, Tx
from runyard.storage.statements import task_runs as sql
from runyard.storage.statements import tasks as tasks_sql

EVENTS = {
    "claim": "task.run_claimed",
    "prepare": "task.run_starting",
    "start": "task.run_started",
    "release": "task.run_released",
    "reclaim": "task.run_lease_expired",
    "complete": "task.run_completed",
    "cancel": "task.run_canceled",
    "starve": "task.run_needs_attention",
}
"""The usual line of each verb; verbs that are not here and end a run as failed are `task.run_failed`."""
_UNTOLD = TaskMove(by=server("runs"))
# In Python 3.11 a word that is asked of its class costs ten times as much as a name, and all moves come by here.
_QUEUED, _COMPLETED, _FAILED = Stage.QUEUED, Stage.COMPLETED, Stage.FAILED


def held(tx: Tx, moves: Sequence[Move]) -> list[Move]:
    """The moves, those that queue a run of a task that is blocked or paused with what holds the run."""
    queued = {one.after.task_id for one in moves if one.after.task_id and one.after.state == "queued"}
    if not queued:
        return list(moves)
    tasks = tasks_sql.lock(tx, sorted(queued))
    paused = desk.paused_by(tx, list(tasks.values()), keep=True)
    return [
        one if task is None or one.after.state != "queued" else _held(one, task, paused=task.id in paused)
        for one in moves
        for task in (tasks.get(one.after.task_id or ""),)
    ]


def _held(one: Move, task: Task, *, paused: bool) -> Move:
    if one.after.hold is not None:
        return one
    after = msgspec.structs.replace(one.after, hold=desk.hold_of(task, paused=paused))
    return msgspec.structs.replace(one, after=after)


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside runs that are to move, before they do."""

    rows: Mapping[str, TaskRun]
    """By run; those that are of no task are absent."""
    tasks: Mapping[str, Task]
    """Locked."""


def beside(tx: Tx, moves: Sequence[Move], locked: Mapping[str, Task] | None = None) -> Beside:
    """What stands beside the runs of these moves; read before anything is written, which then need not be awaited.

    `locked` are their tasks as they stand, where the transaction has locked them before.
    """
    rows = sql.get(tx, [one.before.id for one in moves if one.before.task_id is not None])
    tasks = tasks_sql.lock(tx, [row.task_id for row in rows.values()]) if locked is None else locked
    return Beside(rows=rows, tasks=tasks)


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What moves did to tasks."""

    rows: dict[str, TaskRun] = {}
    """What stands beside each run now, by run."""
    tasks: dict[str, Task] = {}
    lines: dict[str, TaskLine] = {}
    """What was told in a timeline, by run."""


def follow(tx: Tx, moves: Sequence[Move], beside: Beside) -> Followed:
    """Bring the tasks of runs that moved up to date. Moves of runs that are of no task are passed over."""
    rows, tasks = beside.rows, beside.tasks
    changes: dict[str, tuple[Task, Task]] = {}
    told: list[tuple[Move, Task, TaskRun, TaskRun]] = []
    for one in moves:
        row, run = rows.get(one.after.id), one.after
        task = tasks.get(row.task_id) if row is not None else None
        if row is None or task is None:
            continue
        now = followed(row, run, _changes(one, row))
        if now.stage is _QUEUED and run.state is not one.before.state:
            # Nobody can take a run that is to begin later.
            may_be_taken = run.state is RunState.QUEUED and run.hold is None and run.executor == queueing.EXECUTOR
            now = msgspec.structs.replace(now, look_at=row.queued_at if may_be_taken else None)
        told.append((one, task, row, now))
        first, latest = changes.get(task.id, (task, task))
        changes[task.id] = (first, _stands(latest, row, now, tx.now))
    sql.save(tx, [row for _, _, row, _ in told], [now for _, _, _, now in told])
    desk.recount_runs(tx, [(task, row) for _, task, row, _ in told], [(task, now) for _, task, _, now in told])
    _stand_among(tx, changes, {task.id for one, task, _, _ in told if one.after.executor != queueing.EXECUTOR})
    written = desk.write(tx, list(changes.values()))
    lines: dict[str, TaskLine] = {}
    for one, _, row, now in told:
        line = _tell(tx, written.tasks[row.task_id], one, row, now)
        if line is not None:
            lines[now.run_id] = line
    freed = {task.id: task for task in written.freed}
    for one, _, _, now in told:
        if now.stage is _COMPLETED:
            # Freed by this end or by another of this batch, which makes no difference to anybody.
            queueing.auto(tx, list(freed.values()), (one.task or _UNTOLD).by, because=one.after.id)
            freed = {}
    return Followed(rows={now.run_id: now for _, _, _, now in told}, tasks=written.tasks, lines=lines)


def _changes(one: Move, row: TaskRun) -> dict[str, Any]:
    """What changes besides what follows from the move: what was said, and who has a run taken for no session."""
    said = (one.task or _UNTOLD).changes
    if one.verb != "claim" or one.after.executor == queueing.EXECUTOR or row.claimer_ref is not None:
        return said
    return {"claimer_kind": "automation", "claimer_ref": one.after.worker or one.after.executor, **said}


def _stand_among(tx: Tx, changes: dict[str, tuple[Task, Task]], ids: set[str]) -> None:
    """Let tasks that may have several runs at once stand as those say together."""
    for task_id, standing in sql.standings(tx, sorted(changes.keys() & ids)).items():
        first, latest = changes[task_id]
        changes[task_id] = (first, msgspec.structs.replace(latest, **standing))


def _stands(task: Task, row: TaskRun, now: TaskRun, at: int) -> Task:
    """The task with how its run stands."""
    if now.stage not in ENDED_STAGES:
        # A run that was reopened takes its task along, whatever became of that.
        status = TaskStatus.READY if row.stage in ENDED_STAGES else task.status
        return msgspec.structs.replace(task, status=status, open_run_id=now.run_id, open_stage=now.stage, active_at=at)
    was_open, is_last = task.open_run_id == now.run_id, now.attempt == task.attempts
    return msgspec.structs.replace(
        task,
        active_at=at,
        open_run_id=None if was_open else task.open_run_id,
        open_stage=None if was_open else task.open_stage,
        last_run_id=now.run_id if is_last else task.last_run_id,
        last_stage=now.stage if is_last else task.last_stage,
    )


def _tell(tx: Tx, task: Task, one: Move, row: TaskRun, now: TaskRun) -> TaskLine | None:
    move = one.task or _UNTOLD
    event = move.event
    if event is None:
        event = EVENTS.get(one.verb) or _back(one, row)
        if event is None and now.stage is _FAILED and row.stage is not _FAILED:
            event = "task.run_failed"
    if not event:
        return None
    usual = _USUAL.get(event)
    said = {"status": now.stage, "task_status": task.status, **(usual(one, row, now) if usual else {}), **move.said}
    return note(tx, task, event, move.by, said, run_id=now.run_id)


def _back(one: Move, row: TaskRun) -> str | None:
    """The line of a run that somebody takes back: from whoever has it, or from its end."""
    if one.verb == "withdraw" and row.stage is not _QUEUED:
        return "task.run_released"
    return "task.run_recovered" if one.verb == "reopen" else None


def _bound(one: Move, row: TaskRun, now: TaskRun) -> dict[str, Any]:
    return {"session_id": now.session_id}


_USUAL: dict[str, Callable[[Move, TaskRun, TaskRun], dict[str, Any]]] = {
    "task.run_claimed": lambda one, row, now: {
        "claimed_by": now.claimer,
        "claim_token_hash": one.after.lease_hash,
        "lease_until": one.after.lease_until,
    },
    "task.run_starting": _bound,
    "task.run_session_bound": _bound,
    "task.run_started": _bound,
    "task.run_canceled": _bound,
    "task.run_released": lambda one, row, now: {"previous_status": row.stage, "session_id": row.session_id},
    "task.run_recovered": lambda one, row, now: {"action": "requeue", "previous_status": row.stage},
    "task.run_lease_expired": lambda one, row, now: {
        "previous_status": row.stage,
        "reason": "scheduler_sweep",
        "session_id": row.session_id,
        "lease_until": one.before.lease_until,
        "previous_claim_token_hash": one.before.lease_hash,
        "coordination_channel_id": row.coordination,
    },
    "task.run_completed": lambda one, row, now: {
        "result": msgspec.Raw(one.after.output.encode()) if one.after.output is not None else None,
        "claim_token_hash": one.after.lease_hash,
    },
    "task.run_failed": lambda one, row, now: {
        "error": one.after.error and _message(one.after.error),
        "claim_token_hash": one.after.lease_hash,
    },
    "task.run_needs_attention": lambda one, row, now: {
        "previous_status": row.stage,
        "queued_at": row.queued_at,
        "coordination_channel": row.coordination,
    },
}
"""What the lines of each kind say besides the status of run and task."""


class _Error(msgspec.Struct):
    message: str = ""


_error = msgspec.json.Decoder(_Error).decode


def _message(error: str) -> str:
    try:
        return _error(error).message
    except msgspec.MsgspecError:
        return error


def by(move: Move) -> Doer:
    """Who moved the run."""
    return (move.task or _UNTOLD).by
