"""Batch records: what calls that triggered many runs asked for and got. Kept for 90 days."""

from __future__ import annotations

from runyard.domain.errors import NotFound
from runyard.engine.rates import first_id_at
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import batches as sql
from runyard.storage.statements.batches import Batch

KEPT = 90 * 86_400 * 1_000_000
PRUNED = 1000


def get(tx: Tx, project_id: int, batch_id: str) -> Batch:
    """The record. Raises `NotFound`."""
    found = sql.find(tx, project_id, batch_id)
    if found is None:
        raise NotFound(f"there is no batch {batch_id[:64]!r} in this project")
    return found


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = 50) -> list[Batch]:
    """The project's records, newest first, from below the given id on."""
    return sql.page(tx, project_id, before=BEYOND if before is None else before, n=limit)


def prune(tx: Tx, limit: int = PRUNED) -> int:
    """Drop records older than they are kept; how many there were (at most `limit`)."""
    return sql.prune(tx, first_id_at(tx.now - KEPT), limit)
