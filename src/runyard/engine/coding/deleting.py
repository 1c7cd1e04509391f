"""Coding tasks put out of sight. Those who look at tasks of any kind see them still, with what was done."""

from __future__ import annotations

from msgspec.structs import replace

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict
from runyard.engine.coding import tasks
from runyard.engine.tasks import canceling
from runyard.storage.port import Tx
from runyard.storage.statements import coding_tasks as sql

REASON = "deleted"


def delete(tx: Tx, project_id: int, task_id: str, by: Doer) -> None:
    """Put the task out of sight, and its runs with it; what of it has not ended is canceled.

    Raises `NotFound`, and `Conflict` for a task that was not made as a coding task.
    """
    task = tasks.find(tx, project_id, task_id)
    if not sql.get(tx, [task.id]):
        raise Conflict("this task was not made as a coding task; delete it where it was made")
    if not task.is_closed or task.open_run_id is not None:
        canceling.cancel(tx, project_id, task.id, by, reason=REASON)
    for row in sql.lock(tx, [task.id]).values():
        sql.save(tx, replace(row, deleted_at=tx.now, updated_at=tx.now))
