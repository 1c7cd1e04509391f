"""A child process that is kept running: started again when it ends, stopped with its parent."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Mapping, Sequence

import structlog

log = structlog.get_logger("runyard.supervisor")

FIRST_REST = 0.5
LONGEST_REST = 30.0


class Child:
    """One process and the thread that watches it. Its standard input is a pipe that ends when this process does.

    `environment` is all of its environment.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], *, grace: float = 10.0) -> None:
        self.command = list(command)
        self.environment = dict(environment)
        self.grace = grace
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start it, and start it again whenever it ends."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop, and make it stop when it does not within its grace."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(self.grace)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(timeout=self.grace)

    def _watch(self) -> None:
        rest = FIRST_REST
        while not self._stopping.is_set():
            try:
                self._process = process = subprocess.Popen(  # noqa: S603 (our own command)
                    self.command, env=self.environment, stdin=subprocess.PIPE
                )
            except OSError as error:
                log.error("child.not_started", command=self.command[:3], detail=str(error))
                return
            if self._stopping.is_set():
                process.terminate()
            code = process.wait()
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            if self._stopping.is_set():
                return
            log.warning("child.ended", command=self.command[:3], code=code, again_in=rest)
            self._stopping.wait(rest)
            rest = min(LONGEST_REST, rest * 2)
