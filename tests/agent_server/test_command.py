"""`runyard agent-server` as a process of its own, against a control plane on a socket."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import httpx2
import pytest

from tests.agent_server.conftest import Keys
from tests.agent_server.plane import INGEST, KEY, PROJECT, RUN, TASK, Plane
from tests.cli.conftest import Command, command  # noqa: F401 - a fixture
from tests.e2e.processes import command as command_line
from tests.e2e.processes import environment as own_environment
from tests.support.endpoints import Endpoint

PATIENCE = 30.0


def test_what_is_missing_is_told_and_nothing_started(
    command: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    keys: Keys,
) -> None:
    for name in [name for name in os.environ if name.startswith(("POSTHOG_", "JWT_"))]:
        monkeypatch.delenv(name)
    result = command("agent-server", "--taskId", TASK, "--runId", RUN, "-o", "json")
    assert (result.code, result.problem["code"]) == (2, "usage")
    assert "JWT_PUBLIC_KEY must be set" in result.problem["message"]
    result = command("agent-server", "--taskId", TASK, "-o", "json")
    assert (result.code, "runId" in result.problem["message"]) == (2, True)


def test_a_process_works_on_a_run_until_it_is_stopped(keys: Keys, tmp_path: Path, endpoint: Endpoint) -> None:
    plane = Plane()
    endpoint.behave = plane.behave
    more = {
        "JWT_PUBLIC_KEY": keys.pem.replace("\n", "\\n"),
        "POSTHOG_API_URL": endpoint.url,
        "POSTHOG_PERSONAL_API_KEY": KEY,
        "POSTHOG_PROJECT_ID": str(PROJECT),
        "POSTHOG_TASK_RUN_EVENT_INGEST_TOKEN": INGEST,
    }
    flags = ("--taskId", TASK, "--runId", RUN, "--port", "0", "--createPr", "false", "--repositoryPath", str(tmp_path))
    process = subprocess.Popen(
        command_line("agent-server", *flags), env=own_environment(tmp_path, **more), stdout=subprocess.PIPE, text=True
    )
    killing = threading.Timer(PATIENCE, process.kill)
    killing.start()
    try:
        assert process.stdout is not None
        ready = re.fullmatch(r"runyard agent-server ready on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert ready is not None
        with httpx2.Client(base_url=ready[1], timeout=PATIENCE) as http:
            headers = {"Authorization": f"Bearer {keys.token()}"}
            assert http.get("/health").json()["status"] == "ok"
            endpoint.until(lambda: http.get("/health").json()["readiness"] == "ready")
            request = {"jsonrpc": "2.0", "id": 1, "method": "user_message", "params": {"content": "hello"}}
            said = http.post("/command", headers=headers, json=request)
            assert said.json()["result"]["assistant_message"] == "echo: hello"
            with http.stream("GET", "/events", headers=headers) as events:
                # It ends with the server, by which time who listens has heard everything.
                for line in events.iter_lines():
                    if line.startswith("data: ") and json.loads(line[6:])["type"] == "connected":
                        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        killing.cancel()
        process.kill()
        process.communicate()
    assert plane.run["status"] == "in_progress"
    assert plane.methods().count("agent_message") == 2
    assert plane.complete == len(plane.events)
    assert (tmp_path / "ECHO.md").read_text().endswith("hello\n")
