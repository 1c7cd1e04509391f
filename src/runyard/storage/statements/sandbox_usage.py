"""SQL of the tokens that sandboxes told of."""

from __future__ import annotations

from runyard.domain.records import Json
from runyard.storage.port import Insert, Tx

_TYPES = {"run_id": "text", "told": "text", "counted": "text"}
GET = "SELECT told, counted FROM sandbox_usage WHERE run_id = :run_id"
SAVE = Insert(
    "sandbox_usage",
    _TYPES,
    "ON CONFLICT (run_id) DO UPDATE SET told = excluded.told, counted = excluded.counted",
)


def get(tx: Tx, run_id: str) -> tuple[Json, Json] | None:
    """What was told and what was counted of the run, whose row this transaction has locked."""
    row = tx.row(GET, run_id=run_id)
    return (row[0], row[1]) if row is not None else None


def save(tx: Tx, run_id: str, told: Json, counted: Json) -> None:
    """Keep both."""
    tx.insert(SAVE, [(run_id, told, counted)])
