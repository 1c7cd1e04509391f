"""Empty databases to measure in, and a look into them that goes past the server."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.support.postgres_server import PostgresServer

SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
"""All that differs from PostgreSQL as it comes; durability is left alone."""

_serial = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database of one engine, empty at first; `folder` is the data folder of the server on it."""

    engine: str
    folder: Path
    dsn: str | None = None

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements on a connection of its own; the rows of the last one."""
        if self.dsn is None:
            with closing(sqlite3.connect(self.folder / "runyard.db", isolation_level=None, timeout=60)) as file:
                return _each(file, statements)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return _each(connection, statements)


def _each(connection: Any, statements: Sequence[str]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for statement in statements:
        cursor = connection.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    return rows


@contextmanager
def postgres() -> Iterator[str]:
    """A durable PostgreSQL server of our own; its DSN."""
    with PostgresServer(durable=True, settings=SETTINGS) as server:
        yield server.dsn


def separate(dsn: str) -> str:
    """The DSN of a new, empty database on the same server."""
    name = f"bench_{next(_serial)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        # A server that was not started by us may hold one of an earlier run.
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@contextmanager
def database(engine: str, server: str | None) -> Iterator[Database]:
    """An empty database that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="runyard-bench-"))
    try:
        dsn = separate(server) if engine == "postgres" and server is not None else None
        yield Database(engine=engine, folder=folder, dsn=dsn)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
