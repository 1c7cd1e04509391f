"""`kill -9` of a server that tells of the ends of tasks: what it could not note down is told again."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from runyard.engine.tasks.notifying import LEASE
from tests.crash.conftest import reopened
from tests.e2e.processes import PATIENCE, ServerProcess, until
from tests.support.endpoints import Endpoint, Heard, Say

JsonObject = dict[str, Any]
TASKS = 4
NEW_BRIDGE = {
    "scope": "global",
    "display_name": "ops",
    "platform": "slack",
    "extension_name": "webhook",
    "enabled": True,
    "routing_policy": {"include_peer": True},
}
# What the server that died had taken is its own until then; no test waits for that long.
LATER = "UPDATE subscriptions SET look_at = look_at - :lease WHERE held > 0"


@pytest.fixture
def server(tmp_path: Path, database: str | None) -> Iterator[ServerProcess]:
    """A server of each engine that may send to this machine; not started yet."""
    server = ServerProcess(tmp_path / "server", database=database, allow_private_endpoints="1", endpoint_ports="*")
    yield server
    server.close()


@contextmanager
def nothing_is_committed(server: ServerProcess) -> Iterator[None]:
    """Keep every cursor where it is: whoever would move it waits."""
    if server.database is None:
        with closing(sqlite3.connect(server.data / "runyard.db", isolation_level=None)) as held:
            held.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(server.database) as rows:
            rows.execute("SELECT id FROM subscriptions ORDER BY id FOR UPDATE")
            yield


class Teller:
    """A client with a bridge to the endpoint, tasks, and somebody who is told of the end of each."""

    def __init__(self, server: ServerProcess, endpoint: Endpoint) -> None:
        self.server = server
        headers = {"authorization": f"Bearer {server.key}"}
        self.http = httpx2.Client(base_url=f"{server.url}/agh/api", headers=headers, timeout=30)
        bridge = self.post("/bridges", NEW_BRIDGE | {"secrets": {"url": f"{endpoint.url}hook"}})["bridge"]["id"]
        said = {"bridge_instance_id": bridge, "delivery_mode": "reply", "scope": "global", "peer_id": "ada"}
        self.tasks: dict[str, str] = {}
        """Who is told, by task."""
        for number in range(TASKS):
            task = self.post("/tasks", {"scope": "global", "title": f"task {number}", "max_attempts": 10})["task"]["id"]
            told = self.post(f"/tasks/{task}/notifications/bridges", said)["subscription"]
            self.tasks[task] = told["subscription_id"]

    def close(self) -> None:
        """Hang up."""
        self.http.close()

    def post(self, path: str, body: JsonObject) -> JsonObject:
        """The answer to a request that must be taken."""
        response = self.http.post(path, json=body)
        assert response.status_code < 300, response.text
        answer: JsonObject = response.json()
        return answer

    def end_all(self) -> None:
        """One more run of each task, completed."""
        for task in self.tasks:
            run = self.post(f"/tasks/{task}/runs", {})["run"]["id"]
            for verb in ("claim", "start", "complete"):
                self.post(f"/task-runs/{run}/{verb}", {})

    def ends(self) -> dict[str, list[str]]:
        """The id of each message that is owed, by task."""
        lines = {task: self.http.get(f"/tasks/{task}/timeline").json()["timeline"] for task in self.tasks}
        return {
            task: [
                f"notif:{told}:{one['sequence']}" for one in lines[task] if one["event_type"] == "task.run_completed"
            ]
            for task, told in self.tasks.items()
        }

    def cursors(self) -> dict[str, str | None]:
        """The id of the message that was noted down last, by task."""
        found = {}
        for task, told in self.tasks.items():
            one = self.http.get(f"/tasks/{task}/notifications/bridges/{told}").json()["subscription"]["cursor"]
            assert one.get("last_delivery_id") in {None, f"notif:{told}:{one['last_sequence']}"}
            found[task] = one.get("last_delivery_id")
        return found

    def forget(self) -> None:
        """Let the time pass that the server that was killed had for its messages."""
        store = reopened(self.server)
        try:
            assert store.transact(lambda tx: tx.run(LATER, lease=LEASE)) == TASKS
        finally:
            store.close()


def last(owed: dict[str, list[str]]) -> dict[str, str]:
    """The last message that is owed, by task."""
    return {task: ids[-1] for task, ids in owed.items()}


@pytest.fixture
def teller(server: ServerProcess, endpoint: Endpoint) -> Iterator[Teller]:
    """A client of the server, which is started."""
    with closing(Teller(server.start(), endpoint)) as teller:
        yield teller


class Gate:
    """Answers of the endpoint, which wait while it is shut."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    async def behave(self, heard: Heard) -> Say:
        """Take the message, sooner or later."""
        await asyncio.to_thread(self.opened.wait, PATIENCE)
        return Say()


def named(heard: list[Heard]) -> list[str]:
    """The ids of the messages."""
    return [one.headers["webhook-id"] for one in heard]


def test_what_was_sent_and_not_noted_down_is_sent_again_with_its_id_when_the_server_is_killed(
    server: ServerProcess, endpoint: Endpoint, teller: Teller
) -> None:
    teller.end_all()
    until(lambda: teller.cursors() == last(teller.ends()))

    unanswered = Gate()
    endpoint.behave = unanswered.behave
    teller.end_all()
    until(lambda: len(endpoint.heard) == 2 * TASKS)
    # Another end of each, while its last one is being told of.
    teller.end_all()
    owed = teller.ends()
    assert teller.cursors() == {task: ids[0] for task, ids in owed.items()}
    answered = Gate()
    server.kill()
    teller.forget()
    endpoint.behave = answered.behave
    server.start()

    until(lambda: len(endpoint.heard) == 3 * TASKS)
    with nothing_is_committed(server):
        answered.opened.set()
        # Answers of the endpoint come first on their way to the server.
        assert teller.cursors() == {task: ids[0] for task, ids in owed.items()}
        server.kill()
    teller.forget()
    server.start()
    until(lambda: teller.cursors() == last(owed))
    assert server.stop() == 0

    assert Counter(named(endpoint.heard)) == {
        name: times for ids in owed.values() for name, times in zip(ids, (1, 3, 1), strict=True)
    }
    bodies = {one.headers["webhook-id"]: one.body for one in endpoint.heard}
    assert all(one.body == bodies[one.headers["webhook-id"]] for one in endpoint.heard)
    assert all(json.loads(body)["id"] == name for name, body in bodies.items())
    for ids in owed.values():
        assert [name for name in dict.fromkeys(named(endpoint.heard)) if name in ids] == ids, "one end was skipped"
    unanswered.opened.set()
