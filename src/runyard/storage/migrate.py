"""Migrations: numbered plain SQL per engine, checksummed, forward only, under a lock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any

import apsw
import msgspec

from runyard.domain.errors import Conflict

TABLE = (
    "CREATE TABLE IF NOT EXISTS schema_versions "
    "(number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)"
)
LOCK_ID = 7236_0001


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered step of the schema."""

    number: int
    name: str
    sql: str
    checksum: str


def available(engine: str) -> list[Migration]:
    """The migrations shipped for the engine, in order."""
    folder = files("runyard.storage") / "migrations" / engine
    found = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".sql"):
            continue
        sql = entry.read_text("utf-8")
        number, _, name = entry.name.removesuffix(".sql").partition("_")
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        found.append(Migration(number=int(number), name=name, sql=sql, checksum=checksum))
    return found


def pending(shipped: Iterable[Migration], applied: dict[int, str]) -> list[Migration]:
    """What has not run yet. Raises `Conflict` when a shipped migration differs from the one that ran."""
    todo = []
    for migration in shipped:
        checksum = applied.get(migration.number)
        if checksum is None:
            todo.append(migration)
        elif checksum != migration.checksum:
            raise Conflict(f"migration {migration.number:04d}_{migration.name} was changed after it ran here")
    newest = max((m.number for m in shipped), default=0)
    if applied and max(applied) > newest:
        raise Conflict(f"the database has schema {max(applied)}, this release knows {newest}: use a newer release")
    return todo


def ran_on(connection: apsw.Connection) -> dict[int, str]:
    """The migrations that ran on a SQLite database, with their checksums."""
    rows: list[Any] = connection.execute("SELECT number, checksum FROM schema_versions").fetchall()
    return dict(rows)


def run_sqlite(connection: apsw.Connection, now: int) -> list[Migration]:
    """Bring a SQLite database up to date; what was run."""
    connection.execute(TABLE)
    todo = pending(available("sqlite"), ran_on(connection))
    for migration in todo:
        record = f"INSERT INTO schema_versions VALUES ({migration.number}, '{migration.name}', '{migration.checksum}', {now});"  # noqa: E501
        try:
            connection.execute(f"BEGIN IMMEDIATE;\n{migration.sql}\n{record}\nCOMMIT;")
        except apsw.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return todo


def run_postgres(connection: Any, now: int) -> list[Migration]:
    """Bring a PostgreSQL database up to date in one transaction under an advisory lock; what was run."""
    with connection.transaction():
        connection.execute(f"SELECT pg_advisory_xact_lock({LOCK_ID})")
        connection.execute(TABLE)
        applied = dict(connection.execute("SELECT number, checksum FROM schema_versions").fetchall())
        todo = pending(available("postgres"), applied)
        for migration in todo:
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO schema_versions VALUES (%s, %s, %s, %s)",
                (migration.number, migration.name, migration.checksum, now),
            )
    return todo


def plan(engine: str, applied: Callable[[], dict[int, str]]) -> list[Migration]:
    """What an upgrade would run."""
    return pending(available(engine), applied())
