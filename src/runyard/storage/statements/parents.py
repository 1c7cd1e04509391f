"""SQL of runs and the runs below them."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.storage.port import Tx

WITH_OPEN = (
    "SELECT p.value FROM {each ids} AS p "
    "WHERE EXISTS (SELECT 1 FROM runs r WHERE r.parent_id = p.value AND r.finished_at IS NULL)"
)
CHILDREN = "SELECT id, parent_id FROM runs WHERE parent_id {among ids}"
WAITING_ABOVE = (
    "WITH RECURSIVE above (id, level) AS ("
    "SELECT parent_id, 1 FROM runs WHERE id {among ids} AND parent_id IS NOT NULL "
    "UNION SELECT r.parent_id, a.level + 1 FROM above a JOIN runs r ON r.id = a.id "
    "WHERE r.parent_id IS NOT NULL AND a.level < :levels) "
    "SELECT DISTINCT r.id FROM above a JOIN runs r ON r.id = a.id WHERE r.waiting_for LIKE :waits"
)
_DESCENDANTS = '{"kind":"descendants"%'


def with_open_children(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Those of the runs that have children which have not ended."""
    return {row[0] for row in tx.rows(WITH_OPEN, ids=sorted(set(ids)))} if ids else set()


def children(tx: Tx, ids: Sequence[str]) -> list[tuple[str, str]]:
    """The children of the runs: (child, parent)."""
    return [(row[0], row[1]) for row in tx.rows(CHILDREN, ids=list(ids))] if ids else []


def waiting_above(tx: Tx, ids: Sequence[str], levels: int) -> list[str]:
    """The ancestors of the runs that wait for all their descendants."""
    return [row[0] for row in tx.rows(WAITING_ABOVE, ids=list(ids), levels=levels, waits=_DESCENDANTS)]
