"""The stores every behavioural test runs on, emptied between tests, and the clock they go by."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.domain.errors import DomainError
from runyard.storage.port import Tx
from runyard.storage.postgres import PostgresStore
from runyard.storage.sqlite import SqliteStore
from tests.support.postgres import fresh_database, separate_database
from tests.support.yard import Yard

AnyStore = SqliteStore | PostgresStore
ENGINES = ("sqlite", "postgres")
_KEPT = {"schema_versions", "counters"}


class Clock:
    """A clock that stands still until it is moved; microseconds."""

    def __init__(self) -> None:
        self.at = 0
        self.reset()

    def __call__(self) -> int:
        return self.at

    def now(self) -> int:
        """What time it is."""
        return self.at

    def reset(self) -> None:
        """Go to the present: ids carry the real time, and some rules compare the two."""
        self.at = time.time_ns() // 1000

    def forward(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, micros: int = 0) -> int:
        """Let this much time pass; what time it is then."""
        self.at += round((seconds + 60 * minutes + 3600 * hours) * 1_000_000) + micros
        return self.at


class Shelf:
    """One store of each engine, opened when first asked for and kept until the session ends."""

    def __init__(self, folder: Path, dsn: Callable[[], str]) -> None:
        self.folder = folder
        self.clock = Clock()
        self._dsn = dsn
        self._place: str | None = None
        self._stores: dict[str, AnyStore] = {}

    @property
    def place(self) -> str:
        """The DSN of the schema that the PostgreSQL stores share."""
        if self._place is None:
            self._place = fresh_database(self._dsn())
        return self._place

    def separate_place(self) -> str:
        """The DSN of a new, empty schema of the same database."""
        return fresh_database(self._dsn())

    def store(self, name: str) -> AnyStore:
        """The store of this name: `sqlite`, `postgres`, or `other`, a second server on `postgres`'s database."""
        if name not in self._stores:
            self._stores[name] = (
                SqliteStore(self.folder / "runyard.db", clock=self.clock)
                if name == "sqlite"
                else PostgresStore(self.place, clock=self.clock)
            )
        return self._stores[name]

    def bare(self, engine: str) -> AnyStore:
        """A store whose tables never had a row, so that nothing but statement and indexes weighs on a plan."""
        if engine == "postgres" and "bare" not in self._stores:
            # A test that breaks all connections to its database breaks none to this one.
            self._stores["bare"] = PostgresStore(separate_database(self._dsn()), clock=self.clock)
        return self.store("bare") if engine == "postgres" else self.empty(engine)

    def empty(self, name: str) -> AnyStore:
        """The store without any row, and with the clock back at the present."""
        self.clock.reset()
        store = self.store(name)
        store.transact(clear)
        for one in self._stores.values():
            forget(one)
        return store

    def close(self) -> None:
        """Close every store."""
        for store in self._stores.values():
            store.close()


def forget(store: AnyStore) -> None:
    """Make the store as ignorant as a newly opened one, and take its listeners away."""
    store.known.clear()
    store.publisher.listeners.clear()


def tables(tx: Tx) -> list[str]:
    """The names of all tables."""
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if type(tx).__name__ == "SqliteTx"
        else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    )
    return sorted(name for (name,) in tx.rows(sql) if not name.startswith("sqlite_"))


_asked: dict[type[Tx], str] = {}
"""For the stores of each engine: the question which of their tables have a row."""


def clear(tx: Tx) -> None:
    """Delete every row."""
    if type(tx) not in _asked:
        names = [name for name in tables(tx) if name not in _KEPT]
        _asked[type(tx)] = " UNION ALL ".join(f"SELECT '{one}' WHERE EXISTS (SELECT 1 FROM {one})" for one in names)
    # Emptied and not truncated: PostgreSQL makes new files for a truncated table, which takes 100 times longer.
    for (name,) in tx.rows(_asked[type(tx)]):
        tx.run(f"DELETE FROM {name}")
    tx.run("UPDATE counters SET value = 0 WHERE value <> 0")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    """The stores of this process."""
    # PostgreSQL starts only when a test needs it.
    shelf = Shelf(tmp_path_factory.mktemp("stores"), lambda: str(request.getfixturevalue("postgres_dsn")))
    yield shelf
    shelf.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Which engine the test runs on."""
    return str(request.param)


@pytest.fixture
def clock(shelf: Shelf) -> Clock:
    """The clock of every store."""
    return shelf.clock


@pytest.fixture
def store(shelf: Shelf, engine: str) -> AnyStore:
    """An empty store of each engine."""
    return shelf.empty(engine)


@pytest.fixture
def yard(store: AnyStore, clock: Clock) -> Iterator[Yard]:
    """The engine over the store, with project 1; afterwards whatever must always hold is checked."""
    yard = Yard(store, clock)
    yield yard
    yard.check()


@pytest.fixture
def two_servers(shelf: Shelf) -> tuple[PostgresStore, PostgresStore]:
    """Two stores on one empty PostgreSQL database."""
    first, second = shelf.empty("postgres"), shelf.store("other")
    assert isinstance(first, PostgresStore)
    assert isinstance(second, PostgresStore)
    forget(second)
    return first, second


@pytest.fixture
def untouched(shelf: Shelf) -> Iterator[tuple[PostgresStore, str]]:
    """An empty PostgreSQL store and its DSN, with nothing in its tables and indexes that another test left there."""
    place = shelf.separate_place()
    with contextlib.closing(PostgresStore(place, clock=shelf.clock)) as store:
        yield store, place


@pytest.fixture
def opened(tmp_path: Path, shelf: Shelf, engine: str) -> Iterator[Callable[[], AnyStore]]:
    """Opens stores on one database of the test's own, to be closed and opened again."""
    place: Any = tmp_path / "own.db" if engine == "sqlite" else shelf.separate_place()
    stores: list[AnyStore] = []

    def open_one() -> AnyStore:
        store: AnyStore = (
            SqliteStore(place, clock=shelf.clock) if engine == "sqlite" else PostgresStore(place, clock=shelf.clock)
        )
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        with contextlib.suppress(DomainError):
            store.close()
