"""What only SQLite does: one process owns the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import msgspec
import pytest

from runyard.domain.errors import Conflict
from runyard.domain.jobs import NewRun
from runyard.engine import claims, creations
from runyard.engine.claims import ClaimRequest
from runyard.engine.creations import CreateRequest
from runyard.storage import sqlite_file
from runyard.storage.port import Tx
from runyard.storage.sqlite import SqliteStore, SqliteTx
from tests.e2e.processes import until

PAGE = 4096
OPEN = """
import sys, pathlib
from runyard.domain.errors import Conflict
from runyard.storage.sqlite import SqliteStore
try:
    SqliteStore(pathlib.Path(sys.argv[1]), clock=lambda: 0).close()
except Conflict as refusal:
    print(refusal.detail)
else:
    print("opened")
"""


def opened_elsewhere(path: Path) -> str:
    """What another process says when it opens the file."""
    done = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_second_store_on_the_file_is_refused_and_told_who_has_it(tmp_path: Path):
    path = tmp_path / "runyard.db"
    first = SqliteStore(path, clock=lambda: 0)
    with pytest.raises(Conflict, match=rf"pid {os.getpid()}\) already serves .*runyard\.db"):
        SqliteStore(path, clock=lambda: 0)
    assert str(os.getpid()) in opened_elsewhere(path)
    first.close()
    assert opened_elsewhere(path) == "opened"
    SqliteStore(path, clock=lambda: 0).close()


@pytest.mark.parametrize("name", ["a b", "per%cent", "quest?ion", "ha#sh", "é"])
def test_any_file_name_will_do(tmp_path: Path, name: str):
    path = tmp_path / name / f"{name}.db"
    store = SqliteStore(path, clock=lambda: 0)
    assert store.look(lambda tx: tx.rows("SELECT 1"))[0][0] == 1
    store.close()
    assert path.exists()


def test_the_file_is_kept_whole_and_readers_see_a_write_ahead_log(tmp_path: Path):
    store = SqliteStore(tmp_path / "runyard.db", clock=lambda: 0)
    assert store.transact(lambda tx: tx.rows("PRAGMA synchronous"))[0][0] == 1
    assert store.transact(lambda tx: tx.rows("PRAGMA journal_mode"))[0][0] == "wal"
    store.close()


def test_the_log_is_copied_into_the_database_beside_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite_file, "SLICE", 20)
    path = tmp_path / "runyard.db"
    store = SqliteStore(path, clock=lambda: 1)
    size = path.stat().st_size
    run = NewRun(payload=f'"{"x" * 40_000}"')
    for _ in range(10):
        store.transact(creations.create, [CreateRequest(project_id=1, runs=(run,))])
    until(lambda: path.stat().st_size > size)
    store.close()


def test_the_log_stays_short_though_the_writer_never_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite_file, "SLICE", 10)
    monkeypatch.setattr(sqlite_file, "LONG", 40)
    path = tmp_path / "runyard.db"
    store = SqliteStore(path, clock=lambda: 1)
    written = path.with_name("runyard.db-wal").stat().st_size // PAGE
    run = NewRun(payload=f'"{"x" * 40_000}"')
    for _ in range(100):
        store.transact(creations.create, [CreateRequest(project_id=1, runs=(run,))])
    # A hundred runs have more than a thousand pages; each commit adds some thirty at most to what is long already.
    assert path.with_name("runyard.db-wal").stat().st_size // PAGE < written + 200
    store.close()
    reopened = SqliteStore(path, clock=lambda: 1)
    assert len(reopened.look(lambda tx: tx.rows("SELECT id FROM runs"))) == 100
    reopened.close()


def shorten(tx: Tx) -> None:
    assert isinstance(tx, SqliteTx)
    tx.connection.limit(apsw.SQLITE_LIMIT_LENGTH, 100_000)


def test_rows_that_do_not_fit_into_one_text_are_read_all_the_same(tmp_path: Path):
    store = SqliteStore(tmp_path / "runyard.db", clock=lambda: 1)
    payload = f'"{"x" * 40_000}"'
    request = CreateRequest(project_id=1, runs=(NewRun(payload=payload),) * 3)
    store.transact(creations.create, [request])
    store.transact(shorten)
    (granted,) = store.transact(claims.claim, [ClaimRequest(project_id=1, limit=3)])
    assert [one.run.payload for one in granted] == [payload] * 3
    store.close()


@pytest.mark.parametrize("text", ["", "plain", 'quote " and \\ back', "ünïcode ☃ \u2028", "tab\tline\n", "\x01\x1f"])
def test_any_text_comes_back_as_it_was_stored(tmp_path: Path, text: str):
    store = SqliteStore(tmp_path / "runyard.db", clock=lambda: 1)
    run = NewRun(payload=msgspec.json.encode(text).decode(), concurrency_key=text or None, trigger=text)
    store.transact(creations.create, [CreateRequest(project_id=1, runs=(run,))])
    ((granted,),) = store.transact(claims.claim, [ClaimRequest(project_id=1)])
    assert (granted.run.trigger, granted.run.payload) == (text, run.payload)
    store.close()
