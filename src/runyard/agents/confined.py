"""Runs a command bounded in time, memory and output, of which nothing is left afterwards."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import psutil
from msgspec import Struct

from runyard.agents import leash
from runyard.agents.errors import Cancelled, MemoryLimit, TimeLimit

_LOOK_UP = 0.1  # seconds between looks at the clock and at `cancelled`
_WEIGH = 0.5  # seconds between looks at the memory


class Bounds(Struct, frozen=True, kw_only=True):
    """How much a command may take, with all that it starts."""

    seconds: float
    memory_bytes: int
    file_bytes: int = 1 << 30
    """For each file it writes."""
    output_bytes: int = 64 << 10
    """How much of the end of its output is kept."""


class Ended(Struct, frozen=True, kw_only=True):
    """A command that came to its end."""

    code: int
    """As a shell has it: 128 and the signal's number for one that was killed."""
    output: str
    """The end of what it printed, on either channel."""


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    bounds: Bounds,
    cancelled: Callable[[], bool] = lambda: False,
    watch: Callable[[], None] = lambda: None,
) -> Ended:
    """How it ended. Raises `Cancelled`, `TimeLimit`, `MemoryLimit`, or what `watch`, called now and then, raises."""
    with _started(command, folder, environment, bounds) as (process, tail):
        began = weighed = time.monotonic()
        while True:
            try:
                code = process.wait(timeout=_LOOK_UP)
            except subprocess.TimeoutExpired:
                pass
            else:
                return Ended(code=code if code >= 0 else 128 - code, output=tail.text())
            now = time.monotonic()
            if cancelled():
                raise Cancelled("It was cancelled")
            if now - began > bounds.seconds:
                raise TimeLimit(f"{Path(command[0]).name} took longer than the {bounds.seconds:.0f} s it may take")
            if now - weighed > _WEIGH:
                if weight(process.pid) > bounds.memory_bytes:
                    raise MemoryLimit(
                        f"{Path(command[0]).name} needed more than the {bounds.memory_bytes >> 20} MiB it may use"
                    )
                watch()
                weighed = time.monotonic()


def weight(pid: int) -> int:
    """Bytes of memory that a process and all its descendants hold."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for one in (top, *top.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += one.memory_info().rss
    return total


class _Tail:
    """The end of what a pipe says, taken from it all the time so that its writer never waits."""

    def __init__(self, pipe: BinaryIO, limit: int) -> None:
        self._pipe = pipe
        self._limit = limit
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """All of it, once the pipe is closed at the other end; what is kept so far, when somebody still holds it."""
        self._thread.join(timeout=2)
        return bytes(self._kept[-self._limit :]).decode("utf-8", "replace")

    def _take(self) -> None:
        with suppress(ValueError, OSError):  # closed under our hands
            while part := self._pipe.read1(1 << 16):  # type: ignore[attr-defined]
                self._kept += part
                if len(self._kept) > 2 * self._limit:
                    del self._kept[: -self._limit]


@contextmanager
def _started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], bounds: Bounds
) -> Iterator[tuple[subprocess.Popen[bytes], _Tail]]:
    # The writing end stays here alone; it closes with this process, however that ends, and the leash sees it.
    lifeline, ours = os.pipe()
    cores = os.cpu_count() or 1
    options = {
        "lifeline": lifeline,
        "memory": bounds.memory_bytes,
        "file": bounds.file_bytes,
        # The kernel's own end for what outlives both its limit and us.
        "seconds": int(bounds.seconds * cores) + 60,
    }
    try:
        process = subprocess.Popen(
            [
                *(sys.executable, "-I", leash.__file__),
                *(f"--{name}={value}" for name, value in options.items()),
                "--",
                *command,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            pass_fds=(lifeline,),
            start_new_session=True,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(lifeline)
    assert process.stdout is not None
    tail = _Tail(process.stdout, bounds.output_bytes)  # type: ignore[arg-type]
    try:
        yield process, tail
    finally:
        _end(process)
        os.close(ours)
        tail.text()
        process.stdout.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    code = process.poll()
    if code is None:
        # While the leash lives, every descendant can be found below it.
        leash.end_descendants(process.pid)
    if code is None or code < 0:  # it did not come to its end, where it looks after its group itself
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
