"""SQL of chunks: pieces of output as they come."""

from __future__ import annotations

from runyard.domain.records import Chunk
from runyard.storage.port import Row, Tx

FIELDS = Chunk.__struct_fields__
OF_RUN = f"SELECT {', '.join(FIELDS)} FROM chunks WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n"
PRUNE = (
    "DELETE FROM chunks WHERE (run_id, seq) IN (SELECT run_id, seq FROM chunks WHERE at < :before ORDER BY at LIMIT :n)"
)


def after(tx: Tx, run_id: str, seq: int, n: int) -> list[Chunk]:
    """The run's first chunks after a sequence number, oldest first."""
    return [_from_row(row) for row in tx.rows(OF_RUN, run_id=run_id, after=seq, n=n)]


def prune(tx: Tx, before: int, n: int) -> int:
    """Delete at most so many of the chunks that are older; how many went."""
    return tx.run(PRUNE, before=before, n=n)


def _from_row(row: Row) -> Chunk:
    values = dict(zip(FIELDS, row, strict=True))
    return Chunk(**values | {"done": bool(values["done"])})
