"""Where a server keeps what it keeps: opened, backed up, put back, and brought up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from runyard.artifacts.objects import at_url, in_folder
from runyard.artifacts.port import Blobs
from runyard.domain.errors import Invalid
from runyard.settings import Settings
from runyard.storage import backup as backups
from runyard.storage import migrate
from runyard.storage.port import Observe, Store


def wall_clock() -> int:
    """UTC microseconds."""
    return time.time_ns() // 1000


def open_store(
    settings: Settings,
    *,
    clock: Callable[[], int] = wall_clock,
    observe: Observe | None = None,
) -> Store:
    """The database the settings name, brought up to date. Raises `Conflict`, `Invalid` or `Unavailable`."""
    if settings.database is None:
        from runyard.storage.sqlite import SqliteStore

        return SqliteStore(sqlite_path(settings), clock=clock, observe=observe, ageing=settings.ageing)
    if not settings.database.startswith(("postgresql://", "postgres://")):
        raise Invalid("the database must be a postgresql:// URL; leave it out for SQLite in the data folder")
    from runyard.storage.postgres import PostgresStore

    return PostgresStore(settings.database, clock=clock, observe=observe, ageing=settings.ageing)


def sqlite_path(settings: Settings) -> Path:
    """Where the SQLite file is."""
    return settings.data / "runyard.db"


def open_blobs(settings: Settings) -> Blobs:
    """Where artifacts and archives are kept. Raises `Invalid`."""
    return at_url(settings.artifacts_url) if settings.artifacts_url else in_folder(settings.data)


def backup(settings: Settings, dest: Path) -> None:
    """Copy the SQLite database, artifacts and archives while a server may run. Raises `Invalid` or `Conflict`."""
    backups.create(
        sqlite_path(settings),
        settings.data / "artifacts",
        dest,
        archive=settings.data / "archive",
        database=settings.database,
    )


def restore(settings: Settings, src: Path) -> None:
    """Put a backup in the place of the data folder's content. Raises `Invalid` or `Conflict`."""
    backups.restore(src, settings.data, force=True)


def upgrade(settings: Settings, *, check: bool) -> list[str]:
    """Bring the database up to date, or (`check`) only say what would run."""
    if check:
        return [f"{one.number:04d}_{one.name}" for one in _pending(settings)]
    todo = _pending(settings)
    open_store(settings).close()
    return [f"{one.number:04d}_{one.name}" for one in todo]


def _pending(settings: Settings) -> list[migrate.Migration]:
    if settings.database is None:
        from runyard.storage.sqlite_file import applied

        return migrate.plan("sqlite", lambda: applied(sqlite_path(settings)))
    from runyard.storage.postgres import applied as applied_in_postgres

    database = settings.database
    return migrate.plan("postgres", lambda: applied_in_postgres(database))
