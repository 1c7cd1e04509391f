"""SQL of checkpoints."""

from __future__ import annotations

from runyard.domain.traces import Checkpoint
from runyard.storage.port import Insert, Tx

FIELDS = Checkpoint.__struct_fields__
COLUMNS = ", ".join(FIELDS)
ADD = Insert(
    "checkpoints",
    {"run_id": "text", "number": "bigint", "attempt": "bigint", "at": "bigint", "label": "text", "state": "text"},
)
LAST_NUMBER = "SELECT MAX(number) FROM checkpoints WHERE run_id = :run_id"
GET = f"SELECT {COLUMNS} FROM checkpoints WHERE run_id = :run_id AND number = :number"
SIZES = (
    "SELECT number, LENGTH(state) FROM checkpoints WHERE run_id = :run_id AND number < :before "
    "AND at < :until ORDER BY number DESC LIMIT :n"
)
BETWEEN = (
    f"SELECT {COLUMNS} FROM checkpoints WHERE run_id = :run_id AND number >= :first AND number <= :last "
    "ORDER BY number DESC"
)


def add(tx: Tx, checkpoint: Checkpoint) -> None:
    """Add a checkpoint."""
    one = checkpoint
    tx.insert(ADD, [(one.run_id, one.number, one.attempt, one.at, one.label, one.state)])


def last_number(tx: Tx, run_id: str) -> int:
    """The highest number the run has used; 0 before the first."""
    row = tx.row(LAST_NUMBER, run_id=run_id)
    return int(row[0]) if row and row[0] is not None else 0


def get(tx: Tx, run_id: str, number: int) -> Checkpoint | None:
    """One checkpoint, if there is one of the number."""
    row = tx.row(GET, run_id=run_id, number=number)
    return Checkpoint(**dict(zip(FIELDS, row, strict=True))) if row else None


def sizes(tx: Tx, run_id: str, before: int, until: int, n: int) -> list[tuple[int, int]]:
    """(number, characters) of the checkpoints below a number and older than a time, newest first."""
    return [(row[0], row[1]) for row in tx.rows(SIZES, run_id=run_id, before=before, until=until, n=n)]


def between(tx: Tx, run_id: str, first: int, last: int) -> list[Checkpoint]:
    """The checkpoints from one number to another, newest first."""
    rows = tx.rows(BETWEEN, run_id=run_id, first=first, last=last)
    return [Checkpoint(**dict(zip(FIELDS, row, strict=True))) for row in rows]
