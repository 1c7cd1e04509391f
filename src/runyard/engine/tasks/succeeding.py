"""Runs that take the place of failed ones, and of those that nobody took, when an operator says so."""

from __future__ import annotations

import msgspec

from runyard.domain.errors import Conflict
from runyard.domain.moves import move
from runyard.domain.policy import Failure
from runyard.domain.records import Move, TaskMove
from runyard.domain.tasks import Stage, Task, TaskRun, TaskStatus
from runyard.engine.failures import told
from runyard.engine.runs import because
from runyard.engine.tasks import desk, forcing, held, queueing
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.queueing import Asked
from runyard.engine.tasks.refusals import ChainTooDeep, NotRecoverable, StillActive
from runyard.engine.tasks.timeline import note
from runyard.engine.tasks.views import RunSeen
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as sql

DEEPEST = 10
"""So many runs may have taken each other's place, no more."""


class Succession(msgspec.Struct, frozen=True, kw_only=True):
    """A run, and the one that took its place."""

    previous: RunSeen
    run: RunSeen


def retry(tx: Tx, run_id: str, force: Force) -> Succession:
    """Queue a run in the place of a failed one, which stays as it is.

    Raises `StillActive` for a run that has not failed, `ChainTooDeep`, `Conflict`, and what `forcing` raises.
    """
    source, task = _decided(tx, run_id, force, Stage.FAILED)
    forcing.count(tx, force.project_id, force.by, task.id)
    run = _succeed(tx, task, source.row, force)
    said = _said(source.row, run, force)
    note(tx, run.task, "task.run_operator_retry", force.by, said, run_id=run.run.id)
    return Succession(previous=source, run=run)


def recover(tx: Tx, run_id: str, force: Force) -> Succession:
    """Fail a run that needs attention and queue one in its place, or refuse and leave it.

    Raises `NotRecoverable` for any other run, `ChainTooDeep`, `Conflict`, and what `forcing` raises.
    """
    source, task = _decided(tx, run_id, force, Stage.NEEDS_ATTENTION)
    forcing.count(tx, force.project_id, force.by, task.id)
    source = held.move_one(tx, _given_up(tx, source, force))
    run = _succeed(tx, source.task, source.row, force)
    said = _said(source.row, run, force) | {
        "previous_status": Stage.NEEDS_ATTENTION,
        "status": run.row.stage,
        "reason": force.reason,
    }
    note(tx, run.task, "task.run_recovered_from_attention", force.by, said, run_id=run.run.id)
    return Succession(previous=source, run=run)


def _given_up(tx: Tx, source: RunSeen, force: Force) -> Move:
    one = move(
        source.run,
        "discard",
        tx.now,
        actor=str(force.by.actor),
        data=because(force.reason),
        error=told(Failure(message=force.reason, kind=forcing.FORCED)) if force.reason else source.run.error,
        error_class=forcing.FORCED,
    )
    return one.for_task(TaskMove(by=force.by, event="", changes={"failure_kind": forcing.FORCED}))


def _decided(tx: Tx, run_id: str, force: Force, stage: Stage) -> tuple[RunSeen, Task]:
    """The run that is to be succeeded, as it stands, and its task, locked with its open run."""
    forcing.check_allowed(force)
    forcing.check_sizes(force)
    found = held.find(tx, force.project_id, run_id)
    task, open_run = desk.take(tx, force.project_id, found.task.id)
    forcing.check_often(tx, force.project_id, force.by, task.id)
    # A run that has ended does not change, and one that needs attention is the task's open one: it is locked now.
    run = open_run if open_run is not None and open_run.id == run_id else runs_sql.get(tx, [run_id])[run_id]
    row = sql.get(tx, [run_id])[run_id]
    source = RunSeen(run=run, row=row, task=task)
    if row.stage is not stage:
        raise _refusal(row, stage)
    depth = len(sql.chain(tx, run_id, DEEPEST))
    if depth >= DEEPEST:
        raise ChainTooDeep(f"the run stands at the end of a chain of {depth} retries; make a new run of the task")
    if sql.successor(tx, run_id) is not None:
        raise Conflict("another run took this one's place already")
    queueing.check(_without(task, row) if stage is Stage.NEEDS_ATTENTION else task)
    return source, task


def _refusal(row: TaskRun, stage: Stage) -> Conflict:
    if stage is Stage.FAILED:
        return StillActive(f"the run is {row.stage}; only a failed one can be retried")
    return NotRecoverable(f"the run is {row.stage}; only one that needs attention can be recovered")


def _without(task: Task, row: TaskRun) -> Task:
    """The task as it will be once its open run was given up."""
    if task.open_run_id != row.run_id or task.status in (TaskStatus.DRAFT, TaskStatus.CANCELED):
        return task
    return msgspec.structs.replace(task, open_run_id=None, open_stage=None)


def _succeed(tx: Tx, task: Task, source: TaskRun, force: Force) -> RunSeen:
    asked = Asked(channel=source.channel, metadata=force.metadata, previous_run_id=source.run_id, event="")
    task, run, row = queueing.queue(tx, task, force.by, asked)
    return RunSeen(run=run, row=row, task=task)


def _said(source: TaskRun, run: RunSeen, force: Force) -> dict[str, object]:
    return forcing.said_of(force) | {
        "source_run_id": source.run_id,
        "new_run_id": run.run.id,
        "task_status": run.task.status,
    }
