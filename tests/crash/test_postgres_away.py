"""PostgreSQL goes away under load and comes back; and servers that share one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import httpx2
import pytest

from runyard.dialects.native.routes.executors import RECHECK_SECONDS
from tests.crash.conftest import reopened
from tests.crash.load import Load, check, listed
from tests.crash.test_kills import double_holders
from tests.e2e.processes import ServerProcess, until
from tests.support.postgres import separate_database
from tests.support.postgres_server import PostgresServer
from tests.support.yard import broken_rules


@pytest.fixture
def server(tmp_path: Path, durable_postgres: PostgresServer) -> Iterator[ServerProcess]:
    """A server on PostgreSQL; not started yet."""
    durable_postgres.start()
    server = ServerProcess(tmp_path / "one", database=separate_database(durable_postgres.dsn))
    yield server
    server.close()


def ready(server: ServerProcess) -> int:
    """The status of the server's readiness."""
    response = httpx2.get(f"{server.url}/readyz", timeout=10)
    assert "retry-after" in response.headers or response.status_code == 200
    return response.status_code


def status_for(server: ServerProcess, key: str) -> int:
    """How a call with this key is answered."""
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.get(f"{server.url}/runyard/v1/runs", headers=headers, timeout=10).status_code


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_without_its_database_the_server_says_so_and_recovers_by_itself(
    server: ServerProcess, durable_postgres: PostgresServer, how: Literal["fast", "immediate", "kill"]
) -> None:
    server.start()
    with Load([server.url], server.key) as load:
        load.wait_for(created=30, completed=15)
        if how == "kill":
            durable_postgres.kill()
        else:
            durable_postgres.stop(how)
        before = load.answers[503]
        until(lambda: load.answers[503] > before + 3, "nobody was told that the database is away")
        assert ready(server) == 503
        with ThreadPoolExecutor(20) as pool:
            # Keys that the server does not know by heart, so that it must read: they do not wait behind each other.
            statuses = list(pool.map(lambda number: status_for(server, f"{server.key}{number}"), range(60)))
        assert set(statuses) == {503}
        assert httpx2.get(f"{server.url}/livez").status_code == 200
        durable_postgres.start()
        until(lambda: ready(server) == 200, "the server did not recover")
        load.wait_for(created=30, completed=15)
        load.settle()
    check(load, listed(server.url, server.key))
    assert load.answers["gone"] == 0, "the server hung up on its clients"
    assert server.stop() == 0
    store = reopened(server)
    try:
        assert store.look(broken_rules) == []
        assert store.look(double_holders) == []
    finally:
        store.close()


def test_two_servers_share_the_work_of_one_database(server: ServerProcess, tmp_path: Path) -> None:
    server.start()
    second = ServerProcess(tmp_path / "two", database=server.database).start()
    try:
        with Load([server.url, second.url], server.key, makers=2, executors=4) as load:
            load.wait_for(created=150, completed=100)
            load.settle()
        runs = listed(second.url, server.key)
        check(load, runs)
        assert len(load.claimed) == len(runs), "a run was handed out more than once"
        assert {run["attempt"] for run in runs.values()} == {1}
        assert listed(server.url, server.key) == runs
    finally:
        second.close()


def test_a_claim_that_waits_at_one_server_is_woken_by_the_other(server: ServerProcess, tmp_path: Path) -> None:
    server.start()
    second = ServerProcess(tmp_path / "two", database=server.database).start()
    headers = {"authorization": f"Bearer {server.key}"}
    with (
        httpx2.Client(base_url=f"{server.url}/runyard/v1", headers=headers, timeout=60) as here,
        httpx2.Client(base_url=f"{second.url}/runyard/v1", headers=headers, timeout=60) as there,
        ThreadPoolExecutor(1) as pool,
        here.stream("GET", "/stream") as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines).startswith("id: ")
        took = []
        # A busy machine may hold up one of them; found by looking, most would take longer.
        for _ in range(5):
            claiming = pool.submit(here.post, "/runs/claim", json={"wait_seconds": 30})
            begun = time.monotonic()
            run = there.post("/runs", json={"payload": 1}).json()["id"]
            (claim,) = claiming.result(60).json()["claims"]
            took.append(time.monotonic() - begun)
            assert claim["run"]["id"] == run
        assert sorted(took)[2] < RECHECK_SECONDS / 5, took
        assert any("run.created" in line for line in lines)
    second.close()


def test_a_server_that_dies_leaves_its_work_to_the_other(server: ServerProcess, tmp_path: Path) -> None:
    server.start()
    second = ServerProcess(tmp_path / "two", database=server.database).start()
    try:
        with Load([server.url, second.url], server.key, makers=2, executors=4) as load:
            load.wait_for(created=50, completed=20)
            second.kill()
            load.wait_for(created=50, completed=20)
            second.start()
            load.wait_for(created=50, completed=20)
            load.settle()
        check(load, listed(server.url, server.key))
    finally:
        second.close()


def test_a_rolling_restart_leaves_alone_what_a_person_took_in_hand(server: ServerProcess, tmp_path: Path) -> None:
    server.start()
    second = ServerProcess(tmp_path / "two", database=server.database)
    headers = {"authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=f"{server.url}/runyard/v1", headers=headers, timeout=30) as http:
        task = http.post("/tasks", json={"title": "by hand"}).json()["id"]
        run = http.post(f"/tasks/{task}/runs", json={}).json()["run"]["id"]
        assert http.post(f"/task-runs/{run}/claim").status_code == 200
    try:
        second.start()
        server.kill()
        server.start()
        assert state_of(server, run) == "claimed", "the second server was there all along"
        for one in (server, second):
            one.stop()
        second.start()
        assert state_of(second, run) == "queued"
    finally:
        second.close()


def state_of(server: ServerProcess, run: str) -> str:
    """How the run of a task stands."""
    headers = {"authorization": f"Bearer {server.key}"}
    found = httpx2.get(f"{server.url}/runyard/v1/task-runs/{run}", headers=headers, timeout=30).json()
    return str(found["run"]["state"])
