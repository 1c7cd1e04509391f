"""Managed runs when their server is killed or told to stop, and a program that speaks to it through its door."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx2
import psutil
import pytest

from runyard.sandbox import available
from runyard.settings import Settings
from tests.crash.conftest import let_leases_end
from tests.e2e.processes import ServerProcess, until

JsonObject = dict[str, Any]
PATIENCE = 60.0


def alive(word: str) -> list[int]:
    """The processes of this machine whose command line holds the word."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(word in part for part in one.cmdline()):
                found.append(one.pid)
    return found


@pytest.fixture(params=["auto", "none"])
def isolation(request: pytest.FixtureRequest) -> Literal["auto", "none"]:
    """How programs are shut in."""
    kind: Literal["auto", "none"] = request.param
    reason = available(Settings(managed_isolation=kind))
    if reason is not None:
        pytest.skip(reason)
    return kind


@pytest.fixture
def server(tmp_path: Path, isolation: str) -> Iterator[ServerProcess]:
    """A server that runs managed jobs."""
    server = ServerProcess(tmp_path / "server", managed_isolation=isolation).start()
    yield server
    server.close()


def ask(server: ServerProcess, image: str) -> str:
    """A run of a managed job with the image."""
    spec: JsonObject = {"name": "agent", "executor": "managed", "managed": {"image": image}}
    posted(server, "/runyard/v1/jobs", spec)
    return str(posted(server, "/runyard/v1/runs", {"job": "agent", "payload": {"x": 1}})["id"])


def posted(server: ServerProcess, path: str, body: JsonObject) -> JsonObject:
    """The answer to a request that must be taken."""
    response = httpx2.post(server.url + path, json=body, headers=key(server), timeout=PATIENCE)
    assert response.status_code < 300, response.text
    answer: JsonObject = response.json()
    return answer


def seen(server: ServerProcess, path: str) -> JsonObject:
    """What the server answers."""
    answer: JsonObject = httpx2.get(f"{server.url}/runyard/v1{path}", headers=key(server), timeout=PATIENCE).json()
    return answer


def key(server: ServerProcess) -> dict[str, str]:
    """The header that lets in."""
    return {"authorization": f"Bearer {server.key}"}


def reaches(server: ServerProcess, run: str, state: str) -> JsonObject:
    """The run once it is in the state."""
    until(lambda: seen(server, f"/runs/{run}")["state"] == state, f"the run did not become {state}", seconds=PATIENCE)
    return seen(server, f"/runs/{run}")


AGENT = r"""
import json, os, urllib.request
base = os.environ["STRAIT_API_URL"] + "/sdk/v1/runs/" + os.environ["STRAIT_RUN_ID"]
def call(what, body):
    headers = {"Authorization": "Bearer " + os.environ["STRAIT_SDK_TOKEN"], "Content-Type": "application/json"}
    request = urllib.request.Request(base + what, json.dumps(body).encode(), headers)
    return urllib.request.urlopen(request).status
print(call("/log", {"message": "from inside"}))
call("/complete", {"result": {"got": json.loads(os.environ["STRAIT_PAYLOAD"])}})
""".replace("'", '"')


def test_a_program_reports_through_its_token_and_its_door(server: ServerProcess) -> None:
    run = ask(server, f"command: python3 -c '{AGENT}'")
    assert reaches(server, run, "completed")["output"] == {"got": {"x": 1}}
    until(lambda: [line["source"] for line in seen(server, f"/runs/{run}/usage")["data"]] == ["managed"])
    assert {line["message"] for line in seen(server, f"/runs/{run}/logs")["data"]} == {"201", "from inside"}


def test_a_killed_server_leaves_no_program_and_its_run_is_taken_again(server: ServerProcess) -> None:
    word = f"killed-{os.getpid()}-{server.port}"
    run = ask(server, f"command: sh -c 'setsid sleep 600 & echo up; sleep 600; : {word}'")
    until(lambda: alive(word))
    reaches(server, run, "running")
    server.kill()
    until(lambda: not alive(word), "an orphan is left", seconds=PATIENCE)
    let_leases_end(server)
    server.start()
    until(lambda: len(seen(server, f"/runs/{run}/attempts")["data"]) == 2, "it was not taken again", seconds=60)
    until(lambda: alive(word))
    assert seen(server, f"/runs/{run}")["attempt"] == 1
    posted(server, f"/runyard/v1/runs/{run}/cancel", {})
    until(lambda: not alive(word), "the canceled program goes on", seconds=PATIENCE)


def test_a_server_that_is_told_to_stop_asks_its_programs_first_and_gives_the_run_back(server: ServerProcess) -> None:
    word = f"stopped-{os.getpid()}-{server.port}"
    run = ask(
        server, f"command: sh -c 'trap \"echo asked; exit 0\" TERM; echo up; while :; do sleep 0.1; done; : {word}'"
    )
    until(lambda: [line["message"] for line in seen(server, f"/runs/{run}/logs")["data"]] == ["up"])
    assert server.stop() == 0
    assert not alive(word)
    server.start()
    until(lambda: len(seen(server, f"/runs/{run}/attempts")["data"]) == 2, seconds=PATIENCE)
    assert "asked" in [line["message"] for line in seen(server, f"/runs/{run}/logs")["data"]]
    posted(server, f"/runyard/v1/runs/{run}/cancel", {})
