"""Runs in sandboxes when their server is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx2
import psutil
import pytest

from runyard.engine import runs
from runyard.sandbox import sandboxes
from runyard.settings import Settings
from tests.crash.conftest import let_leases_end, reopened
from tests.e2e.processes import ServerProcess, until
from tests.loops.sandboxes.conftest import double

JsonObject = dict[str, Any]
TASKS = "/posthog/api/projects/1/tasks/"


@pytest.fixture(params=["auto", "none"])
def isolation(request: pytest.FixtureRequest) -> Literal["auto", "none"]:
    """How agents are shut in."""
    kind: Literal["auto", "none"] = request.param
    reason = sandboxes(Settings(sandbox_isolation=kind))
    if reason is not None:
        pytest.skip(reason)
    return kind


@pytest.fixture
def server(tmp_path: Path, isolation: str) -> Iterator[ServerProcess]:
    """A server that opens sandboxes."""
    server = ServerProcess(tmp_path / "server", sandbox_isolation=isolation).start()
    yield server
    server.close()


def asked(server: ServerProcess, method: str, path: str, body: JsonObject | None = None) -> Any:
    """The answer to a request that must be taken."""
    headers = {"Authorization": f"Bearer {server.key}"}
    reply = httpx2.request(method, server.url + path, json=body, headers=headers, timeout=60)
    assert reply.status_code < 300, reply.text
    return reply


def test_an_agent_dies_with_its_server_and_the_next_one_goes_on_where_it_was(server: ServerProcess) -> None:
    task = asked(server, "POST", TASKS, {"description": "please wait"}).json()["id"]
    run = asked(server, "POST", f"{TASKS}{task}/run/", {}).json()["latest_run"]["id"]
    path = f"{TASKS}{task}/runs/{run}/"

    def log() -> str:
        text: str = asked(server, "GET", f"{path}logs").text
        return text

    until(lambda: "please wait" in log(), "the agent was given nothing to do")
    below = [one.pid for one in psutil.process_iter(["cmdline"]) if run in (one.info["cmdline"] or ())]
    assert below
    server.kill()
    until(lambda: not any(map(psutil.pid_exists, below)), "an agent is left")
    let_leases_end(server)
    server.start()
    until(lambda: asked(server, "GET", path).json()["status"] == "completed", "nobody went on with the run")
    assert "Continue where you left off." in log()
    until(lambda: not list((server.data / "sandboxes").iterdir()), "a folder is left")


def test_a_server_that_is_told_to_stop_ends_its_sandboxes_and_gives_their_runs_back(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "server", sandbox_isolation="none", sandbox_server_command=double("idle")).start()
    try:
        task = asked(server, "POST", TASKS, {"description": "a task"}).json()["id"]
        run = asked(server, "POST", f"{TASKS}{task}/run/", {}).json()["latest_run"]["id"]
        path = f"{TASKS}{task}/runs/{run}/"
        until(lambda: "sandbox_url" in asked(server, "GET", path).json()["state"], "the sandbox is not ready")
        assert server.stop() == 0
        assert not [one for one in psutil.process_iter(["cmdline"]) if run in (one.info["cmdline"] or ())]
        store = reopened(server)
        try:
            after = store.look(runs.find, 1, run)
        finally:
            store.close()
        assert (after.state, after.lost) == ("queued", 0)
    finally:
        server.close()
