"""How a server process starts and ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import READY, ServerProcess, command, environment, free_port, until

PATIENCE = 60.0


@pytest.fixture
def started(server: ServerProcess) -> Iterator[httpx2.Client]:
    """A client of a server that runs."""
    server.start()
    headers = {"authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=f"{server.url}/runyard/v1", headers=headers, timeout=PATIENCE) as http:
        yield http


def test_a_server_that_is_told_to_stop_lets_everybody_go_in_good_order(
    server: ServerProcess, started: httpx2.Client
) -> None:
    run = started.post("/runs", json={"payload": 1}).json()["id"]
    claim = started.post("/runs/claim", json={}).json()["claims"][0]
    following = threading.Barrier(3)

    def follow(path: str) -> str:
        with started.stream("GET", path) as response:
            told = []
            for line in response.iter_lines():
                told.append(line)
                if len(told) == 1:
                    following.wait(PATIENCE)
            return "\n".join(told)

    with ThreadPoolExecutor(4) as pool:
        streams = [pool.submit(follow, path) for path in (f"/runs/{run}/stream", "/stream?after=0")]
        polls = [pool.submit(started.post, "/runs/claim", json={"wait_seconds": 60}) for _ in range(2)]
        following.wait(PATIENCE)
        until(lambda: server.metric("sse_followers") == 2)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < PATIENCE / 2, "nobody's wait is waited for"
        for poll in polls:
            answer = poll.result(PATIENCE)
            assert (answer.status_code, answer.json()) == (200, {"claims": []})
        for stream in streams:
            assert "run.created" in stream.result(PATIENCE)
    server.start()
    report = {"run_id": run, "token": claim["lease"]["token"], "output": 1}
    (result,) = started.post("/runs/complete", json={"reports": [report]}).json()["results"]
    assert result["ok"], "a lease outlives its server"
    assert "Traceback" not in server.log()


class Spoken:
    """A server process as a person starts it, and what it says."""

    def __init__(self, folder: Path, *, port: int | None = None, **settings: str) -> None:
        folder.mkdir(exist_ok=True)
        told = {f"RUNYARD_{name.upper()}": value for name, value in settings.items()}
        self.port = free_port() if port is None else port
        self.process = subprocess.Popen(
            command("serve", "--port", str(self.port), "--no-agents"),
            env=environment(folder, **told),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []

    def until_ready(self) -> list[str]:
        """What it said up to the line that says that it answers."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(READY):
                return self.lines
        raise AssertionError((self.lines, self.process.communicate()))

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Its exit code, and everything it said."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, "\n".join([*self.lines, out]), err


Speak = Callable[..., Spoken]


@pytest.fixture
def speak() -> Iterator[Speak]:
    """Starts servers, which are ended with the test."""
    spoken: list[Spoken] = []

    def start(folder: Path, **settings: Any) -> Spoken:
        spoken.append(Spoken(folder, **settings))
        return spoken[-1]

    yield start
    for one in spoken:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def test_the_first_start_shows_a_key_once_and_keeps_it_for_this_user(tmp_path: Path, speak: Speak) -> None:
    first = speak(tmp_path)
    first.until_ready()
    file = tmp_path / "credentials.json"
    until(file.exists)
    code, out, err = first.end()
    assert (code, err.count("Traceback")) == (0, 0)
    (line,) = [line for line in out.splitlines() if "admin key" in line]
    key = line.split()[-1]
    assert key.startswith("ry_")
    assert out.count(key) == 1
    assert key not in err
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    kept = json.loads(file.read_text())
    assert (kept["key"], kept["url"]) == (key, f"http://127.0.0.1:{first.port}")
    second = speak(tmp_path)
    second.until_ready()
    headers = {"authorization": f"Bearer {key}"}
    assert httpx2.get(f"http://127.0.0.1:{second.port}/runyard/v1/runs", headers=headers).status_code == 200
    code, out, err = second.end(signal.SIGINT)
    assert code == 0
    assert "ry_" not in out + err
    assert json.loads(file.read_text())["key"] == key


def test_a_key_may_be_given_from_outside(tmp_path: Path, speak: Speak) -> None:
    given = "a-key-of-my-own-0123456789"
    server = speak(tmp_path, admin_key=given)
    server.until_ready()
    url = f"http://127.0.0.1:{server.port}/runyard/v1/projects"
    assert httpx2.get(url, headers={"authorization": f"Bearer {given}"}).status_code == 200
    assert httpx2.get(url, headers={"authorization": "Bearer another-key-0123456789"}).status_code == 401
    code, out, err = server.end()
    assert (code, given in out + err) == (0, False)
    assert not (tmp_path / "credentials.json").exists()


def test_a_second_server_on_one_sqlite_file_says_so_and_exits(tmp_path: Path, speak: Speak) -> None:
    first = speak(tmp_path)
    first.until_ready()
    second = speak(tmp_path)
    code, out, err = second.end(0)
    assert code == 6
    assert out.strip() == ""
    (line,) = err.strip().splitlines()
    assert str(first.process.pid) in line
    assert "another process" in line
    assert first.process.poll() is None
    assert first.end()[0] == 0
    third = speak(tmp_path)
    third.until_ready()
    assert third.end()[0] == 0


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"database": "mysql://x"}, "postgresql://"),
        ({"database": "postgresql://nobody@127.0.0.1:1/none"}, "PostgreSQL"),
        ({"admin_key": "short"}, "16"),
    ],
)
def test_what_keeps_a_server_from_starting_is_said_in_a_line(
    tmp_path: Path, speak: Speak, settings: dict[str, str], word: str
) -> None:
    code, out, err = speak(tmp_path, **settings).end(0)
    assert code not in {0, 6}
    assert word in err
    assert "Traceback" not in err + out


def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path, speak: Speak) -> None:
    first = speak(tmp_path / "one")
    first.until_ready()
    second = speak(tmp_path / "two", port=first.port)
    code, out, err = second.end(0)
    assert code not in {0, 6}
    assert str(first.port) in err
    assert "Traceback" not in err + out
    assert first.end()[0] == 0
