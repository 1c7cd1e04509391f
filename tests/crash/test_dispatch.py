"""Servers that are killed or told to stop while they dispatch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest

from runyard.app import open_store, wall_clock
from runyard.settings import Settings
from tests.crash.conftest import let_leases_end
from tests.crash.load import listed
from tests.e2e.processes import ServerProcess, until
from tests.support.endpoints import Endpoint, Open, Say
from tests.support.yard import broken_rules

RUNS = 300


@pytest.fixture
def server(tmp_path: Path, database: str | None) -> Iterator[ServerProcess]:
    """A server of each engine that may dispatch to this machine; not started yet."""
    server = ServerProcess(
        tmp_path / "server",
        database=database,
        allow_private_endpoints="1",
        endpoint_ports="*",
        dispatch_concurrency="20",
    )
    yield server
    server.close()


def make(server: ServerProcess, endpoint: Endpoint, runs: int) -> set[str]:
    """A job whose runs go to the endpoint, and so many runs of it; their ids."""
    headers = {"authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as http:
        job = {"name": "job", "slug": "job", "project_id": "default", "endpoint_url": f"{endpoint.url}run"}
        assert http.post("/strait/v1/jobs", json=job).status_code == 201
        made = http.post("/runyard/v1/runs", json={"runs": [{"job": "job", "payload": n} for n in range(runs)]})
        assert made.status_code == 201, made.text
        return {run["id"] for run in made.json()["runs"]}


def has_heard(endpoint: Endpoint, many: int) -> bool:
    return len(endpoint.heard) >= many


def states(server: ServerProcess) -> Counter[str]:
    return Counter(run["state"] for run in listed(server.url, server.key).values())


def checked(server: ServerProcess) -> list[str]:
    store = open_store(Settings(data=server.data, database=server.database), clock=wall_clock)
    try:
        return store.look(broken_rules)
    finally:
        store.close()


def test_runs_under_way_when_the_server_is_killed_are_dispatched_again(server: ServerProcess, endpoints: Open) -> None:
    endpoint = endpoints(lambda heard: Say(after=0.02))
    server.start()
    made = make(server, endpoint, RUNS)
    for part in (1, 2):
        until(partial(has_heard, endpoint, part * RUNS // 4))
        server.kill()
        let_leases_end(server)
        server.start()
    until(lambda: states(server) == {"completed": RUNS})
    sent = Counter(heard.headers["x-run-id"] for heard in endpoint.heard)
    assert set(sent) == made
    again = {run for run, times in sent.items() if times > 1}
    assert len(again) <= 2 * 20, "only what was under way is sent again"
    assert server.stop() == 0
    assert checked(server) == []


def test_a_server_that_is_told_to_stop_finishes_or_gives_back_what_it_dispatches(
    server: ServerProcess, endpoints: Open
) -> None:
    endpoint = endpoints(lambda heard: Say(after=0.5 if int(heard.body) % 2 else 60))
    server.start()
    make(server, endpoint, 10)
    until(lambda: len(endpoint.heard) == 10)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 40, "nobody waits for the slow ones"
    endpoint.behave = lambda heard: Say()
    server.start()
    until(lambda: states(server) == {"completed": 10})
    sent = Counter(int(heard.body) for heard in endpoint.heard)
    assert sent == {number: 1 if number % 2 else 2 for number in range(10)}
    assert {heard.headers["x-attempt"] for heard in endpoint.heard} == {"1"}, "stopping uses up no attempt"
    assert "Traceback" not in server.log()
    assert server.stop() == 0
    assert checked(server) == []
