"""SQL of actions."""

from __future__ import annotations

import msgspec

from runyard.domain.findings import Action
from runyard.storage.port import Insert, Tx

FIELDS: tuple[str, ...] = Action.__struct_fields__
COLUMNS = ", ".join(FIELDS)
ADD = Insert("actions", {name: "bigint" if name in {"project_id", "attempt", "at"} else "text" for name in FIELDS})
COUNT = "SELECT COUNT(*) FROM actions WHERE run_id = :run_id"
SIZES = (
    "SELECT id, COALESCE(LENGTH(details), 0) + LENGTH(description) FROM actions "
    "WHERE run_id = :run_id AND id > :after ORDER BY id LIMIT :n"
)
BETWEEN = f"SELECT {COLUMNS} FROM actions WHERE run_id = :run_id AND id >= :first AND id <= :last ORDER BY id"


def add(tx: Tx, action: Action) -> None:
    """Add an action."""
    tx.insert(ADD, [msgspec.structs.astuple(action)])


def count(tx: Tx, run_id: str) -> int:
    """How many actions of the run there are."""
    row = tx.row(COUNT, run_id=run_id)
    return int(row[0]) if row else 0


def sizes(tx: Tx, run_id: str, after: str, n: int) -> list[tuple[str, int]]:
    """(id, characters) of the run's actions after an id, oldest first."""
    return [(row[0], row[1]) for row in tx.rows(SIZES, run_id=run_id, after=after, n=n)]


def between(tx: Tx, run_id: str, first: str, last: str) -> list[Action]:
    """The actions from one id to another, oldest first."""
    rows = tx.rows(BETWEEN, run_id=run_id, first=first, last=last)
    return [Action(**dict(zip(FIELDS, row, strict=True))) for row in rows]
