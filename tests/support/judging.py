"""Runs of tasks that have ended, for those who judge them."""

from __future__ import annotations

from typing import Any

from runyard.domain.moves import move
from runyard.domain.sessions import Session
from runyard.domain.tasks import Task, TaskRun
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as task_runs_sql
from tests.support.yard import Yard


def ended(yard: Yard, task: Task | None = None, *, how: str = "complete", by: Session | None = None) -> TaskRun:
    """A run of the task, or of one made for it, that a session took and that ended by this verb."""
    return end(yard, yard.queue(task or yard.task()), how=how, by=by)


def end(yard: Yard, row: TaskRun, *, how: str = "complete", by: Session | None = None) -> TaskRun:
    """The queued run after a session took it and it ended by this verb."""
    session = by or yard.session("doer", workspace_id=yard.task_now(row.task_id).workspace_id)
    handed = yard.claim_next(session)
    assert handed is not None
    assert handed.run.id == row.run_id, "another run stood in front"
    return yard.store.transact(_end, row.run_id, how)


def _end(tx: Tx, run_id: str, how: str) -> TaskRun:
    said: dict[str, Any] = {"complete": {"output": '"done"'}, "fail": {"error": '{"message":"it broke"}'}}.get(how, {})
    apply(tx, [move(runs_sql.lock(tx, [run_id])[run_id], how, tx.now, **said)])
    return task_runs_sql.get(tx, [run_id])[run_id]
