"""Runyard's processes as tests start them by the dozen: forked from one that has imported everything."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

HOME = Path(__file__).parents[2]


class Offspring:
    """A process of `runyard …`, to be handled as one of `subprocess`."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        out: int,
        err: int,
        into: int = subprocess.PIPE,
        cwd: Path = HOME,
    ) -> None:
        """Start it; `into`, `out` and `err` are descriptors, and the first two may be `subprocess.PIPE`."""
        self.args = arguments
        self.returncode: int | None = None
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        given: list[int] = []
        if into == subprocess.PIPE:
            into, ours = os.pipe()
            self.stdin = os.fdopen(ours, "w")
            given.append(into)
        if out == subprocess.PIPE:
            ours, out = os.pipe()
            self.stdout = os.fdopen(ours)
            given.append(out)
        self._told, told = os.pipe()
        given.append(told)
        message = json.dumps({"arguments": arguments, "env": dict(env), "cwd": str(cwd)}).encode()
        try:
            socket.send_fds(_nursery(), [message], [into, out, err, told])
        finally:
            for file in given:
                os.close(file)
        self.pid = int(self._line())

    def _line(self) -> bytes:
        """What the nursery tells next."""
        line = b""
        while not line.endswith(b"\n"):
            part = os.read(self._told, 1)
            assert part, "the process that starts the others is gone"
            line += part
        return line

    def fileno(self) -> int:
        """What becomes readable when it has ended."""
        return self._told

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired([*self.args], timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        poll = select.poll()
        poll.register(self._told, select.POLLIN)
        if poll.poll(None if timeout is None else timeout * 1000):
            self.returncode = int(self._line())
            os.close(self._told)
        return self.returncode


@functools.cache
def _nursery() -> socket.socket:
    """The socket of this test process's nursery, which ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen([sys.executable, "-m", "tests.support.nursery"], cwd=HOME, stdin=theirs.fileno())

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
