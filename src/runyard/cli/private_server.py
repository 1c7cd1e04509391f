"""A server for one command: on a free port, on SQLite in a temporary folder, gone when the command ends."""

from __future__ import annotations

import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from runyard.cli.failures import Failure

READY = re.compile(r"runyard ready on (http://\S+)")
START_SECONDS = 30.0
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateServer:
    """Where the server answers, and the admin key it was given."""

    url: str
    key: str


@contextmanager
def private_server(*, review_root: Path) -> Iterator[PrivateServer]:
    """A running server whose reviewer may read `review_root`. Raises `Failure` when it does not start."""
    key = "ry_" + secrets.token_urlsafe(32)
    with ExitStack() as stack:
        stack.enter_context(_stopped_by_sigterm())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="runyard-", ignore_cleanup_errors=True)))
        log = stack.enter_context((folder / "server.log").open("w+", encoding="utf-8", errors="replace"))
        process = _start(folder / "data", environment(os.environ, folder=folder, key=key, review_root=review_root), log)
        try:
            yield PrivateServer(url=_ready(process, log), key=key)
        finally:
            _stop(process)


def environment(outer: Mapping[str, str], *, folder: Path, key: str, review_root: Path) -> dict[str, str]:
    """The caller's environment without its server settings: this server must touch nothing that outlives it."""
    kept = {
        name: value
        for name, value in outer.items()
        if not name.startswith("RUNYARD_") or name.startswith("RUNYARD_REVIEW_MODEL_")
    }
    return kept | {
        "RUNYARD_ADMIN_KEY": key,
        "RUNYARD_CREDENTIALS": str(folder / "credentials.json"),
        "RUNYARD_REVIEW_ROOTS": str(review_root),
        "RUNYARD_DRAIN_SECONDS": "3",
        "PYTHONUNBUFFERED": "1",
    }


def _start(data: Path, env: dict[str, str], log: IO[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "runyard", "serve", "--port", "0", "--data", str(data), "--stop-on-eof"]
    # Its own session: Ctrl-C must reach this command alone, which then stops the server in good order.
    return subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def _ready(process: subprocess.Popen[str], log: IO[str]) -> str:
    """The URL the server prints when it answers; what it prints after that is read and dropped."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as said:
            for text in said:
                if not ready.is_set():
                    lines.put(text)
        lines.put(None)

    threading.Thread(target=read, name="private-server-output", daemon=True).start()
    until = time.monotonic() + START_SECONDS
    said: list[str] = []
    while True:
        try:
            text = lines.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise _not_started(f"gave no sign of life within {START_SECONDS:.0f} s", said, log) from None
        if text is None:
            raise _not_started(f"ended at once with exit code {process.wait()}", said, log)
        if found := READY.search(text):
            ready.set()
            return found[1]
        said.append(text)


def _not_started(how: str, said: list[str], log: IO[str]) -> Failure:
    log.seek(0)
    tail = [*said, *log.read().splitlines()][-8:]
    return Failure(f"The private server {how}.", code="server_failed", hint="\n".join(tail).strip() or None)


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask the server to drain; past the time it has, end everything it started too."""
    if process.poll() is None:
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # What is left of its process group (an agent that outlived it) goes without ceremony.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an exit, so that the server is stopped and its folder removed on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
