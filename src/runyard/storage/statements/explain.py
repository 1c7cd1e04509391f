"""SQL of explanations: few rows about one run, each query bounded."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.storage.port import Tx

LANE = "SELECT name, cap, used FROM lanes WHERE id = :id"
HOLDERS = "SELECT id FROM runs WHERE id {among ids} AND (job_lane = :lane OR key_lane = :lane) ORDER BY id LIMIT :n"
BEFORE = (
    "SELECT COUNT(*) FROM (SELECT 1 FROM runs WHERE class_id = :class_id AND state = 'queued' AND hold IS NULL "
    "AND (rank, id) < (:rank, :id) LIMIT :n) AS ahead"
)
# A run with very many children is rare; what is left open of them is usually the newest.
OPEN_CHILDREN = (
    "SELECT id FROM (SELECT id, state FROM runs WHERE parent_id = :id ORDER BY id DESC NULLS LAST LIMIT 2000) AS below "
    "WHERE state NOT IN "
    "('completed', 'failed', 'timed_out', 'crashed', 'system_failed', 'canceled', 'expired', 'dead_letter') "
    "ORDER BY id LIMIT :n"
)
LAST_EVENT = (
    "SELECT actor, data, at FROM (SELECT type, actor, data, at, seq FROM events WHERE run_id = :id "
    "ORDER BY seq DESC LIMIT 1000) AS latest WHERE type = :type ORDER BY seq DESC LIMIT 1"
)


def lane(tx: Tx, lane_id: int) -> tuple[str, int, int] | None:
    """Name, cap and count of a lane."""
    row = tx.row(LANE, id=lane_id)
    return (row[0], row[1], row[2]) if row is not None else None


def holders(tx: Tx, lane_id: int, among: Sequence[str], n: int) -> list[str]:
    """Which of these runs are on the lane, the first `n`."""
    return [row[0] for row in tx.rows(HOLDERS, lane=lane_id, ids=list(among), n=n)]


def before(tx: Tx, class_id: int, rank: int, run_id: str, n: int) -> int:
    """How many claimable runs of the class come first; counted up to `n`."""
    row = tx.row(BEFORE, class_id=class_id, rank=rank, id=run_id, n=n)
    return int(row[0]) if row else 0


def open_children(tx: Tx, run_id: str, n: int) -> list[str]:
    """Children that have not ended, the first `n`."""
    return [row[0] for row in tx.rows(OPEN_CHILDREN, id=run_id, n=n)]


def last_event(tx: Tx, run_id: str, kind: str) -> tuple[str | None, str, int] | None:
    """Actor, data and time of the run's last event of a type."""
    row = tx.row(LAST_EVENT, id=run_id, type=kind)
    return (row[0], row[1], row[2]) if row is not None else None
