"""What the engine and its surfaces ask of a place for bytes."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Protocol

import msgspec


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are stored; equal bytes of one project are stored once."""

    sha256: str
    size: int


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A stored object as a listing shows it."""

    name: str
    size: int
    at: int
    """When it was last written, in UTC microseconds."""


class Blobs(Protocol):
    """Content-addressed bytes by project, and archives by name. Every verb may raise `Unavailable`."""

    async def receive(self, project_id: int, chunks: AsyncIterable[bytes], *, limit: int) -> Blob:
        """Store what comes, durably. Raises `TooLarge`, and what the chunks raise; then nothing stays."""
        ...

    def put(self, project_id: int, content: bytes) -> Blob:
        """Store a few bytes, durably."""
        ...

    def read(self, project_id: int, sha256: str) -> bytes:
        """All the bytes, checked against their hash. Raises `NotFound`, and `Unavailable` when they are damaged."""
        ...

    async def stream(
        self, project_id: int, sha256: str, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop` in pieces, unchecked; `start` must lie within. Raises `NotFound`."""
        ...

    def delete(self, project_id: int, sha256: str) -> None:
        """Remove a blob; one that is gone already is passed by."""
        ...

    def written_at(self, project_id: int, sha256: str) -> int | None:
        """When the blob was last written, or None when there is none."""
        ...

    def listing(self, project_id: int, shard: str) -> Iterator[Stored]:
        """The project's blobs whose hash begins with the shard's two digits; names are hashes."""
        ...

    def unfinished(self) -> Iterator[Stored]:
        """What uploads left that never finished."""
        ...

    def discard(self, name: str) -> None:
        """Remove what an upload left."""
        ...

    def keep(self, folder: str, suffix: str, chunks: Iterable[bytes]) -> str:
        """Store an archive under its hash in the folder, durably; the name it got."""
        ...
