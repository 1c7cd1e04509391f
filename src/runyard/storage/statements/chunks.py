"""SQL of chunks: pieces of output as they come."""

from __future__ import annotations

from runyard.domain.records import Chunk
from runyard.storage.port import Row, Tx

FIELDS = Chunk.__struct_fields__
SIZES = "SELECT seq, LENGTH(chunk) FROM chunks WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n"
BETWEEN = (
    f"SELECT {', '.join(FIELDS)} FROM chunks WHERE run_id = :run_id AND seq >= :first AND seq <= :last ORDER BY seq"
)
PRUNE = (
    "DELETE FROM chunks WHERE (run_id, seq) IN (SELECT run_id, seq FROM chunks WHERE at < :before ORDER BY at LIMIT :n)"
)


def sizes(tx: Tx, run_id: str, after: int, n: int) -> list[tuple[int, int]]:
    """(number, characters) of the run's first chunks after a sequence number, oldest first."""
    return [(row[0], row[1]) for row in tx.rows(SIZES, run_id=run_id, after=after, n=n)]


def between(tx: Tx, run_id: str, first: int, last: int) -> list[Chunk]:
    """The run's chunks from one number to another, oldest first."""
    return [_from_row(row) for row in tx.rows(BETWEEN, run_id=run_id, first=first, last=last)]


def prune(tx: Tx, before: int, n: int) -> int:
    """Delete at most so many of the chunks that are older; how many went."""
    return tx.run(PRUNE, before=before, n=n)


def _from_row(row: Row) -> Chunk:
    values = dict(zip(FIELDS, row, strict=True))
    return Chunk(**values | {"done": bool(values["done"])})
