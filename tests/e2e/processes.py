"""Runyard's own processes: started, stopped, killed and started again."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import httpx2

from runyard.sdk import Client
from tests.support.offspring import Offspring

KEY = "ry_a_key_for_servers_that_are_thrown_away"
READY = "runyard ready on "
PATIENCE = 60.0


def until(happened: Callable[[], object], what: str = "it did not happen", *, seconds: float = PATIENCE) -> None:
    """Wait for something that another process does."""
    never = threading.Event()
    end = time.monotonic() + seconds
    pause = 0.01
    while not happened():
        assert time.monotonic() < end, what
        never.wait(pause)
        # Looking costs a processor that those who are looked at need.
        pause = min(0.1, pause * 1.3)


# Below those that the system hands out: while its server is down, no connection of somebody else's can take the port.
_ports = itertools.count(20_000 + os.getpid() % 100 * 100)


def free_port() -> int:
    """A port that nobody listens on now, and no other test process will choose soon."""
    while True:
        port = next(_ports)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a process that must not touch anything outside its folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
    own = {
        "RUNYARD_CREDENTIALS": str(folder / "credentials.json"),
        "RUNYARD_DATA": str(folder / "data"),
        "NO_COLOR": "1",
        "COLUMNS": "200",
        "PYTHONUNBUFFERED": "1",
    }
    return kept | own | more


def command(*arguments: str) -> list[str]:
    """The command line of `runyard …`."""
    return [sys.executable, "-m", "runyard", *arguments]


class ServerProcess:
    """`runyard serve` on a port of its own, which it keeps when it is started again."""

    def __init__(self, folder: Path, *, database: str | None = None, agents: bool = False, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.database = database
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = KEY
        self._agents = agents
        self._settings = settings
        self._process: Offspring | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What it runs in, and what commands about its data need."""
        named = {f"RUNYARD_{name.upper()}": value for name, value in self._settings.items()}
        if self.database is not None:
            named["RUNYARD_DATABASE"] = self.database
        usual = {"RUNYARD_ADMIN_KEY": self.key, "RUNYARD_LOG_LEVEL": "warning", "RUNYARD_DRAIN_SECONDS": "3"}
        return environment(self.folder, **usual, **named)

    def start(self) -> Self:
        """Start it and wait until it answers."""
        arguments = ["serve", "--port", str(self.port), "--stop-on-eof", *([] if self._agents else ["--no-agents"])]
        with (self.folder / "server.log").open("ab") as log:
            process = Offspring(arguments, env=self.environment, out=subprocess.PIPE, err=log.fileno())
        assert process.stdout is not None
        self._process = process
        for line in process.stdout:
            if line.startswith(READY):
                assert line.removeprefix(READY).strip() == self.url
                return self
        raise AssertionError(f"the server did not start:\n{self.log()}")

    def running(self) -> Self:
        """Start it unless it runs."""
        return self if self._process is not None else self.start()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stop it when it runs."""
        if self._process is not None:
            self.stop()

    def log(self) -> str:
        """What it wrote to standard error."""
        return (self.folder / "server.log").read_text(errors="replace")

    def metric(self, name: str) -> float:
        """A number of its metrics."""
        page = httpx2.get(f"{self.url}/metrics").text
        return float(next(line for line in page.splitlines() if line.startswith(f"runyard_{name} ")).split()[1])

    def client(self, project: str | None = None, **more: Any) -> Client:
        """A client with the admin key."""
        return Client(self.url, self.key, project, **more)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None
        return _end(process, number)


class WorkerProcess:
    """`runyard worker` with the handlers of `programs`."""

    def __init__(
        self, server: ServerProcess | str, project: str, folder: Path, *, key: str = KEY, name: str, **settings: Any
    ) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        url = server if isinstance(server, str) else server.url
        told = {"settings": {"name": name, **settings}, "notes": str(folder / "notes.jsonl")}
        arguments = ("worker", "tests.e2e.programs:worker", "--url", url, "--key", key, "--project", project)
        with self._log.open("wb") as log:
            env = environment(folder, E2E=json.dumps(told))
            self._process = Offspring(arguments, env=env, out=log.fileno(), err=log.fileno())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_ready(self) -> Self:
        """Wait until it is about to claim."""
        until(lambda: "worker.ready" in self.log(), "the worker did not start")
        return self

    def terminate(self) -> None:
        """SIGTERM; the drain begins."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code once it has ended."""
        return self._process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        return _end(self._process, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        _end(self._process, signal.SIGKILL)

    def log(self) -> str:
        """What it has said."""
        return self._log.read_text(errors="replace")


class Notes:
    """What the handlers of worker processes wrote down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "notes.jsonl"

    def all(self, what: str | None = None) -> list[Mapping[str, Any]]:
        """The notes, oldest first, of one kind if it is given."""
        if not self._file.exists():
            return []
        notes = [json.loads(line) for line in self._file.read_text().splitlines()]
        return [note for note in notes if what in {None, note["what"]}]

    def runs(self, what: str, pid: int | None = None) -> list[str]:
        """The ids of the runs with a note of this kind, written by this process if one is given."""
        return [note["run"] for note in self.all(what) if pid in {None, note["pid"]}]

    def open(self, gate: str) -> None:
        """Let the handlers go on that wait for this gate."""
        (self.folder / gate).touch()


def _end(process: Offspring, number: signal.Signals) -> int:
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
