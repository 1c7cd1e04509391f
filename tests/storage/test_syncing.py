"""What is told of a SQLite database survives a loss of power: it is synced before."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from runyard.domain.errors import Unavailable
from runyard.storage import sqlite
from runyard.storage.port import Tx
from runyard.storage.sqlite import SqliteStore
from tests.e2e.processes import until
from tests.support.stalling import PATIENCE, submit

ADD = "INSERT INTO counters (name, value) VALUES (:name, 1)"
FIND = "SELECT name FROM counters WHERE name LIKE 'test-%' ORDER BY name"


def add(tx: Tx, name: str) -> str:
    tx.run(ADD, name=f"test-{name}")
    return name


def found(tx: Tx) -> list[str]:
    return [row[0].removeprefix("test-") for row in tx.rows(FIND)]


class Disk:
    """A disk that syncs when it is told to, or fails to."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.began = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.is_broken = False

    def sync(self, file: int) -> None:
        assert os.fstat(file).st_ino == self.log.stat().st_ino
        if self.is_broken:
            raise OSError("I/O error")
        self.began.release()
        assert self.may_end.acquire(timeout=PATIENCE)
        os.fsync(file)

    def waits(self) -> None:
        """Return once somebody syncs."""
        assert self.began.acquire(timeout=PATIENCE)

    def ends(self) -> None:
        """Let one sync end."""
        self.may_end.release()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "runyard.db", clock=lambda: 0)
    yield store
    store.close()


@pytest.fixture
def disk(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(store.path.with_name("runyard.db-wal"))
    monkeypatch.setattr(sqlite, "_sync", disk.sync)
    yield disk
    monkeypatch.undo()
    for _ in range(100):
        disk.ends()


@pytest.fixture
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def held(store: SqliteStore) -> int:
    """How many wait for a sync that has not begun."""
    assert store.syncing is not None
    return len(store.syncing._waiting)


def test_a_writer_hears_of_its_write_when_it_is_synced(store: SqliteStore, disk: Disk):
    told = submit(store, add, "a")
    disk.waits()
    assert not told.done()
    disk.ends()
    assert told.result(PATIENCE) == "a"


def test_a_reader_hears_of_a_write_when_it_is_synced(store: SqliteStore, disk: Disk, readers: ThreadPoolExecutor):
    submit(store, add, "a")
    disk.waits()
    seen: Future[list[str]] = readers.submit(store.look, found)
    until(lambda: held(store) == 1)
    assert not seen.done()
    disk.ends()
    assert seen.result(PATIENCE) == ["a"]


def test_a_reader_waits_for_nothing_when_all_is_synced(store: SqliteStore, disk: Disk):
    told = submit(store, add, "a")
    disk.ends()
    told.result(PATIENCE)
    assert store.look(found) == ["a"]
    assert store.look(found) == ["a"]


def test_the_next_batches_are_written_meanwhile_and_synced_together(store: SqliteStore, disk: Disk):
    first = submit(store, add, "a")
    disk.waits()
    second = submit(store, add, "b")
    until(lambda: held(store) == 1)
    third = submit(store, add, "c")
    until(lambda: held(store) == 2)
    disk.ends()
    assert first.result(PATIENCE) == "a"
    disk.waits()
    assert not second.done()
    assert not third.done()
    disk.ends()
    assert (second.result(PATIENCE), third.result(PATIENCE)) == ("b", "c")
    assert not disk.began.acquire(blocking=False)


def test_nothing_is_confirmed_from_a_sync_that_failed_until_the_file_is_opened_again(store: SqliteStore, disk: Disk):
    disk.is_broken = True
    with pytest.raises(Unavailable):
        store.transact(add, "a")
    disk.is_broken = False
    for _ in range(3):
        disk.ends()
    with pytest.raises(Unavailable):
        store.transact(add, "b")
    with pytest.raises(Unavailable):
        store.look(found)
    store.close()
    reopened = SqliteStore(store.path, clock=lambda: 0)
    try:
        assert reopened.transact(add, "c") == "c"
        assert reopened.look(found)[-1] == "c"
    finally:
        reopened.close()


def test_a_reader_that_waited_is_no_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readers: ThreadPoolExecutor):
    batches: list[int] = []
    store = SqliteStore(
        tmp_path / "runyard.db", clock=lambda: 0, observe=lambda operations, seconds, events: batches.append(operations)
    )
    disk = Disk(store.path.with_name("runyard.db-wal"))
    monkeypatch.setattr(sqlite, "_sync", disk.sync)
    submit(store, add, "a")
    disk.waits()
    seen = readers.submit(store.look, found)
    until(lambda: held(store) == 1)
    disk.ends()
    assert seen.result(PATIENCE) == ["a"]
    store.close()
    assert batches == [1]
