"""SQL of buffers: triggers that are gathered for one run."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Insert, Tx

# The row is locked by whoever adds to the buffer or empties it.
OPEN = (
    "INSERT INTO buffers (job_id, name, project_id, items, size, flush_at) "
    "VALUES (:job_id, :name, :project_id, 0, 0, :flush_at) "
    "ON CONFLICT (job_id, name) DO UPDATE SET items = buffers.items RETURNING items, size"
)
ADD = Insert(
    "buffered",
    {"job_id": "text", "name": "text", "id": "text", "request": "text"},
    "ON CONFLICT (job_id, name, id) DO NOTHING",
)
GROW = (
    "UPDATE buffers SET items = items + :items, size = size + :size, "
    "flush_at = CASE WHEN items = 0 THEN :flush_at ELSE flush_at END WHERE job_id = :job_id AND name = :name"
)
CLOSE = "DELETE FROM buffers WHERE job_id = :job_id AND name = :name"
CONTENT = "SELECT id, request FROM buffered WHERE job_id = :job_id AND name = :name"
CLEAR = "DELETE FROM buffered WHERE job_id = :job_id AND name = :name"
KNOWN = "SELECT id FROM buffered WHERE job_id = :job_id AND name = :name AND id {among ids}"
NEXT = "SELECT flush_at FROM buffers ORDER BY flush_at LIMIT 1"
DUE = "SELECT job_id, name, project_id FROM buffers WHERE flush_at <= :now ORDER BY flush_at LIMIT :n {skip_locked}"


class Buffer(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Where triggers of one key are gathered."""

    job_id: str
    name: str
    project_id: int


def opened(tx: Tx, buffer: Buffer, flush_at: int) -> tuple[int, int]:
    """How many triggers the buffer holds and how large they are; made when it is not there, and locked."""
    row = tx.row(OPEN, job_id=buffer.job_id, name=buffer.name, project_id=buffer.project_id, flush_at=flush_at)
    return (row[0], row[1]) if row else (0, 0)


def known(tx: Tx, buffer: Buffer, ids: Sequence[str]) -> set[str]:
    """Which of the ids the buffer holds."""
    if not ids:
        return set()
    return {row[0] for row in tx.rows(KNOWN, job_id=buffer.job_id, name=buffer.name, ids=list(ids))}


def add(tx: Tx, buffer: Buffer, items: Sequence[tuple[str, str]], *, size: int, flush_at: int) -> None:
    """Put (id, request) into the buffer; an empty one is to be flushed at that time."""
    tx.insert(ADD, [(buffer.job_id, buffer.name, *item) for item in items])
    tx.run(GROW, job_id=buffer.job_id, name=buffer.name, items=len(items), size=size, flush_at=flush_at)


def emptied(tx: Tx, buffer: Buffer) -> list[str]:
    """What was in the buffer, which is gone now."""
    where = {"job_id": buffer.job_id, "name": buffer.name}
    rows = tx.rows(CONTENT, **where)
    if rows:
        tx.run(CLEAR, **where)
    tx.run(CLOSE, **where)
    return [row[1] for row in rows]


def next_due(tx: Tx) -> int | None:
    """When the first of all is to be flushed."""
    row = tx.row(NEXT)
    return int(row[0]) if row else None


def due(tx: Tx, n: int) -> list[Buffer]:
    """The buffers whose time has come, locked."""
    return [Buffer(job_id=row[0], name=row[1], project_id=row[2]) for row in tx.rows(DUE, now=tx.now, n=n)]
