"""The files of a folder that git knows nothing of: how they stand, and all of them in one archive."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct

LEVEL = 6


class Stopped(Exception):
    """There was no more time."""


class Archive(Struct, frozen=True, kw_only=True):
    """A gzipped tar; no content when it is larger than it may be, and nothing at all without files."""

    size: int
    content: bytes | None


class _Bounded(io.RawIOBase):
    """Keeps what is written until that is too much, and counts on."""

    def __init__(self, limit: int, stopped: Callable[[], bool]) -> None:
        self.size = 0
        self.kept: bytearray | None = bytearray()
        self._limit = limit
        self._stopped = stopped

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, piece: object) -> int:
        """Take a piece."""
        data = bytes(piece)  # type: ignore[call-overload]
        if self._stopped():
            raise Stopped
        self.size += len(data)
        if self.size > self._limit:
            self.kept = None
        elif self.kept is not None:
            self.kept += data
        return len(data)


class _Whole:
    """A file that has exactly as many bytes as were said, whoever writes to it meanwhile."""

    def __init__(self, descriptor: int, stopped: Callable[[], bool]) -> None:
        self._descriptor = descriptor
        self._stopped = stopped

    def read(self, size: int = 0, /) -> bytes:
        """The next bytes; zeros behind the end."""
        if self._stopped():
            raise Stopped
        return os.read(self._descriptor, size).ljust(size, b"\0")


def standing(folder: Path, stopped: Callable[[], bool]) -> str:
    """The same as before while nothing in the folder has changed. Raises `Stopped` and `OSError`."""
    digest = blake2b(digest_size=16)
    for name, found in _files(folder):
        if stopped():
            raise Stopped
        digest.update(f"{found.st_mode} {found.st_size} {found.st_mtime_ns} {found.st_ino} ".encode())
        digest.update(os.fsencode(name) + b"\0")
    return digest.hexdigest()


def archive(folder: Path, limit: int, stopped: Callable[[], bool]) -> Archive:
    """All files of the folder: the same bytes for the same files. Links that lead out are left out.

    Raises `Stopped` and `OSError`.
    """
    sink = _Bounded(limit, stopped)
    count = 0
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=sink, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, found in _files(folder):
            if stopped():
                raise Stopped
            count += _add(tar, folder, name, found, stopped)
    if not count:
        return Archive(size=0, content=b"")
    return Archive(size=sink.size, content=None if sink.kept is None else bytes(sink.kept))


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Files and links below the folder by their paths from there, in order; links are not followed."""
    waiting = [""]
    while waiting:
        here = waiting.pop()
        if here and not here.endswith("/"):
            yield here, os.lstat(folder / here)
            continue
        with os.scandir(folder / here) as entries:
            names = [
                f"{here}{entry.name}" + ("/" if entry.is_dir(follow_symlinks=False) else "")
                for entry in entries
                if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False) or entry.is_symlink()
            ]
        # The last one is next.
        waiting += sorted(names, reverse=True)


def _add(tar: tarfile.TarFile, folder: Path, name: str, found: os.stat_result, stopped: Callable[[], bool]) -> int:
    """How many files were added: one, or none."""
    info = tarfile.TarInfo(name)
    if stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(folder / name)
        if _leads_out(folder, name, info.linkname):
            return 0
        tar.addfile(info)
        return 1
    descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        now = os.fstat(descriptor)
        info.size, info.mode = now.st_size, 0o755 if now.st_mode & stat.S_IXUSR else 0o644
        tar.addfile(info, _Whole(descriptor, stopped))
    finally:
        os.close(descriptor)
    return 1


def _leads_out(folder: Path, name: str, target: str) -> bool:
    """Whether a link leads out of the folder, where it stands or wherever the archive is unpacked."""
    if target.startswith("/"):
        return True
    by_words = os.path.normpath(os.path.join(os.path.dirname(name), target))
    by_links = Path(os.path.realpath(folder / os.path.dirname(name) / target))
    return by_words.split("/")[0] == ".." or not by_links.is_relative_to(folder)
