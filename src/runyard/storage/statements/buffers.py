"""SQL of buffers: triggers that are gathered for one run."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Insert, Tx
from runyard.storage.statements.jobs import ID_LENGTH

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
# Each (job, name) as one text: a job's id is always as long.
_THESE = (
    "(job_id, name) IN "
    f"(SELECT SUBSTR(value, 1, {ID_LENGTH}), SUBSTR(value, {ID_LENGTH + 1}) FROM {{each keys}} AS wanted)"
)
CLOSE = f"DELETE FROM buffers WHERE {_THESE}"
CONTENT = f"SELECT job_id, name, request FROM buffered WHERE {_THESE}"
CLEAR = f"DELETE FROM buffered WHERE {_THESE}"
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


def emptied(tx: Tx, buffers: Sequence[Buffer]) -> list[list[str]]:
    """What was in each of the buffers, which are gone now."""
    keys = [buffer.job_id + buffer.name for buffer in buffers]
    held: dict[str, list[str]] = {key: [] for key in keys}
    for job_id, name, request in tx.rows(CONTENT, keys=keys):
        held[job_id + name].append(request)
    tx.run(CLEAR, keys=keys)
    tx.run(CLOSE, keys=keys)
    return [held[key] for key in keys]


def next_due(tx: Tx) -> int | None:
    """When the first of all is to be flushed."""
    row = tx.row(NEXT)
    return int(row[0]) if row else None


def due(tx: Tx, n: int) -> list[Buffer]:
    """The buffers whose time has come, locked."""
    return [Buffer(job_id=row[0], name=row[1], project_id=row[2]) for row in tx.rows(DUE, now=tx.now, n=n)]
