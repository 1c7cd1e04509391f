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
PAGE = (
    "SELECT id FROM runs WHERE parent_id = :run_id AND project_id = :project_id AND id > :after "
    "AND created_at > :since ORDER BY id LIMIT :n"
)
CONTINUATIONS = "SELECT id FROM runs WHERE continuation_of {among ids} ORDER BY id LIMIT :n"
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


def children_after(tx: Tx, project_id: int, run_id: str, *, after: str, since: int, n: int) -> list[str]:
    """The ids of a run's children in a project after an id and made after a time, oldest first."""
    rows = tx.rows(PAGE, run_id=run_id, project_id=project_id, after=after, since=since, n=n)
    return [row[0] for row in rows]


def continuations(tx: Tx, ids: Sequence[str], n: int) -> list[str]:
    """The runs that continue these, oldest first."""
    return [row[0] for row in tx.rows(CONTINUATIONS, ids=list(ids), n=n)]
