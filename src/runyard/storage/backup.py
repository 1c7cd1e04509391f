"""Backups of the SQLite database, of the artifacts its rows name, and of the key that opens its secrets.

A backup is a folder with a manifest of hashes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import apsw
import msgspec

from runyard.domain.errors import Conflict, Invalid
from runyard.storage.filelock import FileLock

DATABASE = "runyard.db"
MANIFEST = "manifest.json"
FORMAT = 1
_PIECE = 1 << 20
_CONTENTS = "SELECT DISTINCT project_id, sha256 FROM artifacts ORDER BY project_id, sha256"
_MINE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "artifacts", "archive")
"""What of a data folder a backup stands for."""
_SEALING_KEY = "secret.key"
"""Copied where there is one; a backup without it leaves the one that is there."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a backup."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds; written last, so a folder without one is no backup."""

    format: int
    schema: int
    files: dict[str, File]
    missing: list[str] = []
    """Artifacts that rows name and that were not there to be copied."""


def create(
    database_file: Path,
    artifacts: Path,
    dest: Path,
    *,
    archive: Path | None = None,
    database: str | None = None,
) -> Manifest:
    """Copy the database as it is at one instant, then what it refers to; a server may go on writing meanwhile.

    Raises `Invalid` when there is nothing to copy or the data is in PostgreSQL, `Conflict` when `dest` is not empty.
    """
    if database is not None:
        raise Invalid(_about_postgres(database, artifacts))
    if not database_file.is_file():
        raise Invalid(f"there is no database {database_file}; name the data folder with --data")
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise Conflict(f"{dest} exists and is not empty; name a new folder")
    dest.mkdir(parents=True, exist_ok=True)
    files: dict[str, File] = {}
    missing: list[str] = []
    schema, wanted = _copy_database(database_file, dest / DATABASE)
    files[DATABASE] = _file(dest / DATABASE)
    with contextlib.suppress(FileNotFoundError):
        files[_SEALING_KEY] = _copy(database_file.with_name(_SEALING_KEY), dest / _SEALING_KEY)
    for name in wanted:
        try:
            files[f"artifacts/{name}"] = _copy(artifacts / name, dest / "artifacts" / name)
        except FileNotFoundError:  # retention took it away after the database was copied, or it was lost before
            missing.append(f"artifacts/{name}")
    if archive is not None and archive.is_dir():
        for path in sorted(path for path in archive.rglob("*") if path.is_file()):
            name = path.relative_to(archive).as_posix()
            files[f"archive/{name}"] = _copy(path, dest / "archive" / name)
    manifest = Manifest(format=FORMAT, schema=schema, files=files, missing=missing)
    _write(dest / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


def verify(path: Path) -> Manifest:
    """The manifest of a backup whose every file is whole. Raises `Invalid` naming the first that is not."""
    try:
        manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise Invalid(f"{path} is no backup: it has no {MANIFEST}") from None
    except msgspec.DecodeError as error:
        raise Invalid(f"{path / MANIFEST} cannot be read: {error}") from None
    if manifest.format != FORMAT:
        raise Invalid(f"the backup has format {manifest.format}; this release reads {FORMAT}")
    if DATABASE not in manifest.files:
        raise Invalid(f"{path / MANIFEST} names no database")
    for name, expected in manifest.files.items():
        file = path / name
        if not _is_inside(path, file) or not file.is_file():
            raise Invalid(f"{name} is missing from the backup")
        if _file(file) != expected:
            raise Invalid(f"{name} differs from what was backed up")
    with _reading(path / DATABASE) as copy:
        try:
            ((verdict,),) = copy.execute("PRAGMA integrity_check(1)").fetchall()
        except apsw.Error as error:
            verdict = str(error)
    if verdict != "ok":
        raise Invalid(f"the database in the backup is damaged: {verdict}")
    return manifest


def restore(path: Path, data: Path, *, force: bool = False) -> Manifest:
    """Put a whole backup into a data folder on which no server runs.

    Raises `Invalid` when the backup is not whole, `Conflict` when a server uses the folder, or when there is something
    and `force` does not say to replace it. What was there is removed only after the backup has taken its place.
    """
    manifest = verify(path)
    mine = (*_MINE, _SEALING_KEY) if _SEALING_KEY in manifest.files else _MINE
    there = [name for name in mine if (data / name).exists()]
    if there and not force:
        raise Conflict(f"{data} holds {', '.join(there)} already; name another folder, or say that it may be replaced")
    data.mkdir(parents=True, exist_ok=True)
    fresh, old = data / "restore.new", data / "restore.old"
    with _alone(data):
        for folder in (fresh, old):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        for name, expected in manifest.files.items():
            if _copy(path / name, fresh / name) != expected:
                raise Invalid(f"{name} changed while it was restored")
        for name in there:
            os.replace(data / name, old / name)
        for name in mine:
            if (fresh / name).exists():
                os.replace(fresh / name, data / name)
        shutil.rmtree(fresh)
        shutil.rmtree(old)
    return manifest


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    lock = FileLock(data / f"{DATABASE}.lock")
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(30_000)
    try:
        yield connection
    finally:
        connection.close()


def _copy_database(source_file: Path, target: Path) -> tuple[int, list[str]]:
    """Copy the database; its schema's number and the artifacts its rows name."""
    try:
        with _reading(source_file) as source, contextlib.closing(apsw.Connection(str(target))) as copy:
            with copy.backup("main", source, "main") as pages:
                pages.step()
            # The copy is a file by itself: no log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
            ((schema,),) = copy.execute("SELECT MAX(number) FROM schema_versions").fetchall()
            return int(schema or 0), [f"{project}/{sha[:2]}/{sha}" for project, sha in copy.execute(_CONTENTS)]
    except apsw.Error as error:
        target.unlink(missing_ok=True)
        raise Invalid(f"{source_file} cannot be copied: {error}") from None


def _copy(source: Path, target: Path) -> File:
    """Copy a file so that it is on the disk, hashing it on the way."""
    with open(source, "rb") as read:
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
            digest = hashlib.sha256()
            while piece := read.read(_PIECE):
                digest.update(piece)
                written.write(piece)
            os.fchmod(written.fileno(), stat.S_IMODE(os.fstat(read.fileno()).st_mode))
            written.flush()
            os.fsync(written.fileno())
            size = written.tell()
    return File(size=size, sha256=digest.hexdigest())


def _file(path: Path) -> File:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return File(size=path.stat().st_size, sha256=digest.hexdigest())


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _is_inside(folder: Path, file: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def _about_postgres(database: str, artifacts: Path) -> str:
    parts = urlsplit(database)
    user, at, host = parts.netloc.rpartition("@")
    shown = urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=""))
    return (
        f"the data is in PostgreSQL, whose own tools back it up: pg_dump --format=custom --file=runyard.dump '{shown}' "
        f"(and back: pg_restore --clean --if-exists --dbname='{shown}' runyard.dump); copy {artifacts} after the dump"
    )
