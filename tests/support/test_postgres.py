"""The PostgreSQL that the other tests stand on keeps its promises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.postgres import fresh_database, separate_database
from tests.support.postgres_server import PostgresServer


def run(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("make", [fresh_database, separate_database])
def test_two_fresh_places_do_not_see_each_other(postgres_dsn, make):
    first, second = make(postgres_dsn), make(postgres_dsn)
    run(first, "CREATE TABLE notes (text TEXT)")
    run(second, "CREATE TABLE notes (number INTEGER)")
    assert run(first, "SELECT * FROM notes") == []
    with pytest.raises(psycopg.errors.UndefinedTable):
        run(make(postgres_dsn), "SELECT * FROM notes")


def test_a_killed_server_comes_back_with_what_it_had_committed():
    with PostgresServer() as server:
        assert run(server.dsn, "SHOW fsync") == [("on",)]
        run(server.dsn, "CREATE TABLE notes AS SELECT 'kept' AS text")
        server.kill()
        assert not server.is_running
        with pytest.raises(psycopg.OperationalError):
            run(server.dsn, "SELECT 1")
        server.start()
        assert run(server.dsn, "SELECT text FROM notes") == [("kept",)]
        server.stop("immediate")
        server.start()
        server.stop("fast")


def test_a_closed_server_leaves_nothing_behind():
    with PostgresServer(durable=False, settings={"shared_buffers": "16MB"}) as server:
        directory = server.directory
        assert run(server.dsn, "SHOW shared_buffers") == [("16MB",)]
        (pid,) = run(server.dsn, "SELECT pg_backend_pid()")[0]
        main = psutil.Process(int((directory / "data" / "postmaster.pid").read_text().split()[0]))
        assert pid != main.pid
    assert not directory.exists()
    assert not main.is_running()


def test_a_server_that_will_not_start_says_why():
    server = PostgresServer(settings={"shared_buffers": "lots"})
    with pytest.raises(RuntimeError, match="shared_buffers"):
        server.start()
    server.close()


def test_a_given_directory_is_kept():
    with tempfile.TemporaryDirectory(prefix="runyard-pg-") as folder:
        with PostgresServer(Path(folder)) as server:
            run(server.dsn, "CREATE TABLE notes AS SELECT 1 AS number")
        with PostgresServer(Path(folder)) as again:
            assert run(again.dsn, "SELECT number FROM notes") == [(1,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server under another account")
def test_binaries_that_the_servers_account_cannot_reach_are_copied(monkeypatch):
    monkeypatch.setattr(PostgresServer, "_can_run", lambda *_: False)
    with PostgresServer(durable=False) as server:
        assert (server.directory / "packages").is_dir()
        assert run(server.dsn, "SELECT 1") == [(1,)]


def test_a_server_dies_with_the_process_that_started_it():
    code = """
import os, signal
from tests.support.postgres_server import PostgresServer
server = PostgresServer(durable=False).start()
print(server.directory, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == -signal.SIGKILL, finished.stderr
    assert eventually(lambda: not Path(finished.stdout.strip()).exists())


def eventually(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and not holds():
        time.sleep(0.02)
    return holds()
