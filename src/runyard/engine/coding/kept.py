"""What an agent remembers of a task between its runs: one text a task, replaced as a whole by who read it last."""

from __future__ import annotations

from runyard.artifacts.port import Blob
from runyard.domain.errors import Conflict
from runyard.domain.uploads import Kept
from runyard.engine.coding import runs
from runyard.storage.port import Tx
from runyard.storage.statements import kept as sql

OTHER = "something else is kept of the task by now, or nothing; read it again before replacing it"


def find(tx: Tx, project_id: int, task_id: str, run_id: str) -> Kept | None:
    """What is kept of the task, for one of its runs. Raises `NotFound`."""
    runs.find(tx, project_id, task_id, run_id)
    return sql.get(tx, task_id)


def check(tx: Tx, project_id: int, task_id: str, run_id: str, before: str | None) -> None:
    """Raise what `replace` would raise, before the bytes are taken; for reading."""
    found = find(tx, project_id, task_id, run_id)
    if (found.sha256 if found is not None else None) != before:
        raise Conflict(OTHER)


def replace(tx: Tx, project_id: int, task_id: str, run_id: str, blob: Blob, before: str | None) -> Kept:
    """Keep stored bytes of the task in the place of those with that hash, or (None) where nothing is kept yet.

    Raises `NotFound`, and `Conflict` when something else is kept.
    """
    runs.find(tx, project_id, task_id, run_id)
    kept = Kept(
        task_id=task_id, project_id=project_id, run_id=run_id, sha256=blob.sha256, size=blob.size, updated_at=tx.now
    )
    if not (sql.add(tx, kept) if before is None else sql.replace(tx, kept, before=before)):
        raise Conflict(OTHER)
    return kept
