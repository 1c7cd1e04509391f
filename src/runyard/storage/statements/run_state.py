"""SQL of the values kept with a run."""

from __future__ import annotations

from runyard.domain.traces import StateEntry
from runyard.storage.port import Tx

FIELDS = StateEntry.__struct_fields__
COLUMNS = ", ".join(FIELDS)
PUT = (
    "INSERT INTO run_state (run_id, name, value, updated_at) VALUES (:run_id, :name, :value, :updated_at) "
    "ON CONFLICT (run_id, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"
)
GET = f"SELECT {COLUMNS} FROM run_state WHERE run_id = :run_id AND name = :name"
COUNT = "SELECT COUNT(*) FROM run_state WHERE run_id = :run_id"
SIZE = "SELECT COALESCE(SUM(LENGTH(value)), 0) FROM run_state WHERE run_id = :run_id"
DROP = "DELETE FROM run_state WHERE run_id = :run_id AND name = :name"
OF_RUN = f"SELECT {COLUMNS} FROM run_state WHERE run_id = :run_id AND name > :after ORDER BY name LIMIT :n"


def put(tx: Tx, entry: StateEntry) -> None:
    """Set a value."""
    tx.run(PUT, run_id=entry.run_id, name=entry.name, value=entry.value, updated_at=entry.updated_at)


def get(tx: Tx, run_id: str, name: str) -> StateEntry | None:
    """One value, if it is set."""
    row = tx.row(GET, run_id=run_id, name=name)
    return StateEntry(**dict(zip(FIELDS, row, strict=True))) if row else None


def count(tx: Tx, run_id: str) -> int:
    """How many values the run has."""
    row = tx.row(COUNT, run_id=run_id)
    return int(row[0]) if row else 0


def size(tx: Tx, run_id: str) -> int:
    """How many characters the run's values take."""
    row = tx.row(SIZE, run_id=run_id)
    return int(row[0]) if row else 0


def drop(tx: Tx, run_id: str, name: str) -> bool:
    """Remove a value; whether it was there."""
    return tx.run(DROP, run_id=run_id, name=name) > 0


def of_run(tx: Tx, run_id: str, *, after: str, n: int) -> list[StateEntry]:
    """The run's values by name."""
    rows = tx.rows(OF_RUN, run_id=run_id, after=after, n=n)
    return [StateEntry(**dict(zip(FIELDS, row, strict=True))) for row in rows]
