"""Worker processes that begin together: each says `ready` once it has loaded, and waits for a line."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 300.0
STOP_SECONDS = 20.0


@contextmanager
def crew(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Iterator[Callable[[], None]]:
    """The processes, loaded; call what this gives to let them begin. They are stopped afterwards."""
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    try:
        for process in processes:
            _wait_until_ready(process)
        yield lambda: _begin(processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            _end(process)


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "ready":
            return
    raise RuntimeError("a worker process ended before it was ready")


def _begin(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def wait_until(done: Callable[[], bool]) -> float:
    """Look until it is true; the time of day at which it was. Raises `RuntimeError` after some minutes."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not done():
        if time.monotonic() > give_up:
            raise RuntimeError("the work was not done in time")
        time.sleep(LOOK_SECONDS)
    return time.time()
