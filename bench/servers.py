"""Runyard as everybody starts it: `runyard serve` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.databases import Database

KEY = "ry_benchmark_key_for_a_server_that_is_thrown_away"
READY = "runyard ready on "
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that answers."""

    url: str
    process: subprocess.Popen[str]
    ready_seconds: float
    """From the start of the process to its saying that it is ready."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self.url.removeprefix("http://").rsplit(":", 1)
        return host, int(port)


@contextmanager
def serve(database: Database, *, agents: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server on the database with these settings (`RUNYARD_…`), stopped afterwards.

    Raises `RuntimeError` with its log if it does not start.
    """
    command = [str(Path(sys.executable).with_name("runyard")), "serve", "--port", "0", "--data", str(database.folder)]
    command += [] if database.dsn is None else ["--database", database.dsn]
    command += [] if agents else ["--no-agents"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")},
        "RUNYARD_ADMIN_KEY": KEY,
        "RUNYARD_CREDENTIALS": str(database.folder / "credentials"),
        "RUNYARD_LOG_LEVEL": "warning",
        **(settings or {}),
    }
    log = database.folder / "server.log"
    began = time.perf_counter()
    with log.open("ab") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        url = _ready(process)
        if url is None:
            raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-4000:]}")
        yield Server(url=url, process=process, ready_seconds=time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _ready(process: subprocess.Popen[str]) -> str | None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
    return None
