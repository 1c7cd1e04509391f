"""SQL of debounced triggers: one pending for each job and key."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Insert, Tx
from runyard.storage.statements.jobs import ID_LENGTH

PUT = Insert(
    "debounced",
    {"job_id": "text", "name": "text", "project_id": "bigint", "request": "text", "fire_at": "bigint"},
    "ON CONFLICT (job_id, name) DO UPDATE SET request = excluded.request, fire_at = excluded.fire_at",
)
NEXT = "SELECT fire_at FROM debounced ORDER BY fire_at LIMIT 1"
DUE = (
    "SELECT job_id, name, project_id, request FROM debounced WHERE fire_at <= :now "
    "ORDER BY fire_at LIMIT :n {skip_locked}"
)
# Each (job, name) as one text: a job's id is always as long.
DROP = (
    "DELETE FROM debounced WHERE (job_id, name) IN "
    f"(SELECT SUBSTR(value, 1, {ID_LENGTH}), SUBSTR(value, {ID_LENGTH + 1}) FROM {{each keys}} AS wanted)"
)


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger that waits for the others to stop coming."""

    job_id: str
    name: str
    project_id: int
    request: str
    fire_at: int


def put(tx: Tx, pending: Sequence[Pending]) -> None:
    """Keep these triggers in the place of those that waited under their keys; each key once."""
    rows = [(one.job_id, one.name, one.project_id, one.request, one.fire_at) for one in pending]
    tx.insert(PUT, sorted(rows))


def next_due(tx: Tx) -> int | None:
    """When the first of all is to fire."""
    row = tx.row(NEXT)
    return int(row[0]) if row else None


def due(tx: Tx, n: int) -> list[tuple[str, str, int, str]]:
    """(job, key, project, trigger) of those whose time has come, locked."""
    return [(row[0], row[1], row[2], row[3]) for row in tx.rows(DUE, now=tx.now, n=n)]


def drop(tx: Tx, keys: Sequence[tuple[str, str]]) -> None:
    """Drop pending triggers by (job, key)."""
    tx.run(DROP, keys=[job_id + name for job_id, name in keys])
