"""Chunks: pieces of a run's output as they come, for those who follow it live. They are kept a short while only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from runyard.domain.errors import DomainError, Invalid
from runyard.domain.records import Chunk
from runyard.domain.slices import Slice
from runyard.engine import fences, runs, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import ChunkLine, Tx, many
from runyard.storage.statements import chunks as sql

KEPT = 60 * 60 * 1_000_000
"""How long a chunk can be read: longer than any follower is behind."""
CHUNKS = 1000


class NewChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of output; `done` says that nothing follows in its stream."""

    text: str
    stream: str = "default"
    done: bool = False


class AddRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Chunks of one run: all of them or none."""

    writer: Writer
    chunks: tuple[NewChunk, ...]


@many
def add(tx: Tx, requests: Sequence[AddRequest]) -> list[int | DomainError]:
    """Publish chunks to whoever follows the runs; for each request how many were taken, or why none was."""
    opened = fences.opened(tx, [request.writer for request in requests])
    outcomes: list[int | DomainError] = []
    for request, run in zip(requests, opened, strict=True):
        refused = run if isinstance(run, DomainError) else _refused(request)
        if refused is not None or isinstance(run, DomainError):
            outcomes.append(refused or Invalid())
            continue
        for one in request.chunks:
            # What a model says may hold anything, and PostgreSQL keeps no NUL.
            tx.emit(ChunkLine(run.project_id, run.id, one.stream, one.text.replace("\0", "\ufffd"), one.done))
        outcomes.append(len(request.chunks))
    return outcomes


def of_run(tx: Tx, project_id: int, run_id: str, *, after: int = 0, limit: int = 50) -> Slice[Chunk, int]:
    """The run's chunks of the last while, oldest first. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    return following(tx, run_id, after, limit)


def following(tx: Tx, run_id: str, after: int, limit: int) -> Slice[Chunk, int]:
    """The run's next chunks, oldest first: no more than are asked for, and fewer where they are big."""
    ahead = sql.sizes(tx, run_id, after, limit + 1)
    return sizes.sliced(ahead, limit, partial(sql.between, tx, run_id))


def prune(tx: Tx, limit: int = 1000) -> int:
    """Delete chunks that were kept long enough; how many went."""
    return sql.prune(tx, tx.now - KEPT, limit)


def _refused(request: AddRequest) -> DomainError | None:
    if len(request.chunks) > CHUNKS:
        return Invalid(f"{len(request.chunks)} chunks in one call; at most {CHUNKS} are taken")
    try:
        for one in request.chunks:
            sizes.within(sizes.DOCUMENT, "a chunk", one.text)
            sizes.plain("the name of the stream", one.stream, longest=256, shortest=1)
    except DomainError as error:
        return error
    return None
