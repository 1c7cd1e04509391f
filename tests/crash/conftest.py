"""Servers to be killed, each with a database that nobody else uses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from runyard.app import open_store, wall_clock
from runyard.engine import timers
from runyard.settings import Settings
from runyard.storage.port import Store
from tests.e2e.processes import ServerProcess
from tests.support.postgres import separate_database
from tests.support.postgres_server import PostgresServer

LATER = 300 * 1_000_000
"""Longer than any lease that a server holds itself."""


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server with fsync, for this folder alone: its tests stop it."""
    with PostgresServer(durable=True) as server:
        yield server


@pytest.fixture
def database(engine: str, request: pytest.FixtureRequest) -> str | None:
    """Where the server keeps its data: a PostgreSQL database of its own, or None for SQLite."""
    if engine == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("durable_postgres")
    server.start()
    return separate_database(server.dsn)


@pytest.fixture
def server(tmp_path: Path, database: str | None) -> Iterator[ServerProcess]:
    """A server of each engine; not started yet."""
    server = ServerProcess(tmp_path / "server", database=database)
    yield server
    server.close()


def reopened(server: ServerProcess) -> Store:
    """The store of a server that was stopped."""
    return open_store(Settings(data=server.data, database=server.database), clock=wall_clock)


def let_leases_end(server: ServerProcess) -> None:
    """Do what the timer will do once the leases that were left behind have ended."""
    # Then those whose executor fell silent wait for their next attempt, which is due later still.
    for later in (LATER, 2 * LATER):
        clock = wall_clock() + later
        store = open_store(Settings(data=server.data, database=server.database), clock=partial(int, clock))
        try:
            while store.transact(timers.tick):
                pass
        finally:
            store.close()
