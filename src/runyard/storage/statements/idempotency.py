"""SQL of idempotency keys."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.storage.port import Insert, Tx

TAKE = Insert(
    "idempotency_keys",
    {"project_id": "bigint", "scope": "text", "name": "text", "run_id": "text"},
    "ON CONFLICT (project_id, scope, name) DO NOTHING",
)
LEND = Insert(
    "idempotency_keys",
    {"project_id": "bigint", "scope": "text", "name": "text", "run_id": "text"},
    "ON CONFLICT (project_id, scope, name) DO UPDATE SET run_id = excluded.run_id",
)
HOLDERS = (
    "SELECT scope, name, run_id FROM idempotency_keys "
    "WHERE project_id = :project_id AND scope {among scopes} AND name {among names}"
)
RETAKE = (
    "UPDATE idempotency_keys SET run_id = :run_id "
    "WHERE project_id = :project_id AND scope = :scope AND name = :name AND run_id = :stale"
)
FREE = (
    "DELETE FROM idempotency_keys "
    "WHERE project_id = :project_id AND scope = :scope AND name = :name AND run_id = :run_id"
)


def take(tx: Tx, rows: Sequence[tuple[int, str, str, str]]) -> None:
    """Take keys for runs; a key that is taken stays with whom it has. Waits for writers of the same key."""
    tx.insert(TAKE, sorted(rows))


def holders(tx: Tx, project_id: int, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Which run each (scope, name) belongs to."""
    wanted = set(keys)
    scopes = sorted({scope for scope, _ in keys})
    names = sorted({name for _, name in keys})
    rows = tx.rows(HOLDERS, project_id=project_id, scopes=scopes, names=names)
    return {(scope, name): run_id for scope, name, run_id in rows if (scope, name) in wanted}


def lend(tx: Tx, rows: Sequence[tuple[int, str, str, str]]) -> None:
    """Give keys to runs, whosever they were."""
    tx.insert(LEND, sorted({row[:3]: row for row in rows}.values()))
