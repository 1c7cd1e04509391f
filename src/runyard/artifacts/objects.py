"""Blobs over obstore: a local folder, or S3, GCS, Azure by URL.

Bytes arrive under a name of their own while they are hashed, and are renamed to their hash when they are whole. A blob
that is there already is written again all the same: its age then tells the sweeper that somebody just asked for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import obstore
import uuid_utils
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from runyard.artifacts.port import Blob, Stored
from runyard.domain.errors import Invalid, NotFound, TooLarge, Unavailable

INCOMING = "artifacts/incoming"
PART = 5 << 20
"""S3 takes no smaller parts."""
PIECE = 1 << 20
SCHEMES = ("s3", "gs", "az")
_SHA = re.compile(r"[0-9a-f]{64}")


def in_folder(folder: Path) -> ObjectBlobs:
    """Blobs below `artifacts/` and archives below `archive/` of a local folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return ObjectBlobs(LocalStore(folder), folder)


def at_url(url: str) -> ObjectBlobs:
    """Blobs at an `s3://`, `gs://` or `az://` URL, with credentials from the environment. Raises `Invalid`."""
    if url.partition("://")[0] not in SCHEMES:
        raise Invalid(f"artifacts can be kept at {', '.join(f'{scheme}://' for scheme in SCHEMES)}, not at {url}")
    try:
        return ObjectBlobs(from_url(url), None)
    except (BaseError, ValueError) as error:
        raise Invalid(f"artifacts cannot be kept at {url.partition('?')[0]}: {_first_line(error)}") from None


class Meter:
    """Counts and hashes what passes through. Raises `TooLarge` beyond the limit."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.size = 0
        self.hash = hashlib.sha256()

    def _count(self, chunk: bytes) -> bytes:
        self.size += len(chunk)
        if self.limit is not None and self.size > self.limit:
            raise TooLarge(f"the content has more than {self.limit} bytes")
        self.hash.update(chunk)
        return chunk

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            yield self._count(chunk)

    async def through_async(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The same chunks."""
        async for chunk in chunks:
            yield self._count(chunk)

    @property
    def blob(self) -> Blob:
        """What passed."""
        return Blob(sha256=self.hash.hexdigest(), size=self.size)


class ObjectBlobs:
    """Blobs in any store that obstore knows."""

    def __init__(self, store: ObjectStore, folder: Path | None) -> None:
        self.store = store
        self.folder = folder
        """The local folder, where there is one: obstore does not make files durable, so that is done here."""

    async def receive(self, project_id: int, chunks: AsyncIterable[bytes], *, limit: int) -> Blob:
        meter, incoming = Meter(limit), _incoming()
        with _reaching(writing=True):
            await obstore.put_async(
                self.store, incoming, meter.through_async(chunks), chunk_size=PART, max_concurrency=2
            )
            await asyncio.to_thread(self._settle, incoming, _name(project_id, meter.blob.sha256))
        return meter.blob

    def put(self, project_id: int, content: bytes) -> Blob:
        meter, incoming = Meter(None), _incoming()
        with _reaching(writing=True):
            obstore.put(self.store, incoming, meter.through([content]))
            self._settle(incoming, _name(project_id, meter.blob.sha256))
        return meter.blob

    def read(self, project_id: int, sha256: str) -> bytes:
        with _reaching():
            content = obstore.get(self.store, _name(project_id, sha256)).bytes().to_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Unavailable("the stored bytes are damaged: their hash is another one; restore them from a backup")
        return content

    async def stream(
        self, project_id: int, sha256: str, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        name = _name(project_id, sha256)
        with _reaching():
            if (start == 0 and stop is None) or stop == 0:
                found = await obstore.get_async(self.store, name)
            elif stop is None:
                found = await obstore.get_async(self.store, name, options={"range": {"offset": start}})
            else:
                found = await obstore.get_async(self.store, name, options={"range": (start, stop)})
        return _pieces(found) if stop != 0 else _nothing()

    def delete(self, project_id: int, sha256: str) -> None:
        self._remove(_name(project_id, sha256))

    def written_at(self, project_id: int, sha256: str) -> int | None:
        try:
            with _reaching():
                return _micros(obstore.head(self.store, _name(project_id, sha256))["last_modified"])
        except NotFound:
            return None

    def listing(self, project_id: int, shard: str) -> Iterator[Stored]:
        return self._below(f"artifacts/{project_id}/{shard}")

    def unfinished(self) -> Iterator[Stored]:
        return (one for one in self._below(INCOMING, whole_names=True))

    def discard(self, name: str) -> None:
        if name.startswith(f"{INCOMING}/"):
            self._remove(name)

    def keep(self, folder: str, suffix: str, chunks: Iterable[bytes]) -> str:
        meter, incoming = Meter(None), _incoming()
        with _reaching(writing=True):
            obstore.put(self.store, incoming, meter.through(chunks), chunk_size=PART, max_concurrency=2)
            name = f"{folder}/{meter.blob.sha256}{suffix}"
            self._settle(incoming, name)
        return name

    def _settle(self, incoming: str, name: str) -> None:
        """Give what arrived its name; in a local folder it is on the disk when this returns."""
        if self.folder is None:
            obstore.rename(self.store, incoming, name)
            return
        source, target = self.folder / incoming, self.folder / name
        new_folders = [folder for folder in target.parents if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync(source)
        os.replace(source, target)
        for folder in [target.parent, *(new.parent for new in new_folders)]:
            _sync(folder)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(NotFound), _reaching():
            obstore.delete(self.store, name)

    def _below(self, prefix: str, *, whole_names: bool = False) -> Iterator[Stored]:
        with _reaching():
            for batch in obstore.list(self.store, prefix, chunk_size=500):
                for one in batch:
                    name = one["path"] if whole_names else one["path"].rpartition("/")[2]
                    yield Stored(name=name, size=one["size"], at=_micros(one["last_modified"]))


async def _nothing() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for piece in nothing:
        yield piece


async def _pieces(found: Any) -> AsyncIterator[bytes]:
    if found.meta["size"] == 0:
        return
    with _reaching():
        async for piece in found.stream(min_chunk_size=PIECE):
            yield bytes(piece)


def _incoming() -> str:
    return f"{INCOMING}/{uuid_utils.uuid7()}"


def _name(project_id: int, sha256: str) -> str:
    if not _SHA.fullmatch(sha256):
        raise NotFound("there is no content of this hash")
    return f"artifacts/{project_id}/{sha256[:2]}/{sha256}"


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _reaching(*, writing: bool = False) -> Iterator[None]:
    """Turns what a store raises into errors of ours; what the chunks raise passes."""
    try:
        yield
    except FileNotFoundError as error:
        if writing:
            # What is not there is the place itself: a bucket, say.
            raise Unavailable(f"the artifact store cannot be used: {_first_line(error)}") from error
        raise NotFound("the content is gone from the artifact store") from None
    except (BaseError, PermissionError) as error:
        raise Unavailable(f"the artifact store cannot be used: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
