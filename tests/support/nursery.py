"""A process that has imported what all of Runyard's processes import, and lets them go from there.

What a server or a worker does begins after its imports, which take it most of the time until it is ready: a test that
starts and kills many needs no more of them. How a process is started from nothing is for the tests of that.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable

ROOM = 1 << 20
"""Bytes of the longest command line with its environment."""


def main() -> None:
    """Let go one process for each message, until the socket on standard input closes."""
    # Who interrupts the tests wants them to end what they started, which they hear of from here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=os.dup(0))
    command_line = imported()
    gc.collect()
    gc.freeze()
    children: dict[int, tuple[int, int]] = {}
    """By a descriptor that becomes readable when it ends: its id, and the pipe on which its end is told."""
    while True:
        readable, _, _ = select.select([control.fileno(), *children], [], [])
        for descriptor in {*children} & {*readable}:
            told_end(*children.pop(descriptor), descriptor)
        if control.fileno() not in readable:
            continue
        message, files, _, _ = socket.recv_fds(control, ROOM, 4)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            control.detach()
            become(message, files)
            command_line()
        told = files.pop()
        for file in files:
            os.close(file)
        os.write(told, f"{pid}\n".encode())
        children[os.pidfd_open(pid)] = pid, told


def imported() -> Callable[[], None]:
    """The command line, with all that a server and a worker import."""
    import uvicorn.lifespan.on
    import uvicorn.loops.auto
    import uvicorn.protocols.http.auto
    import uvicorn.protocols.websockets.auto  # noqa: F401

    import runyard.app
    import runyard.cli.commands
    import runyard.cli.serve
    import runyard.cli.worker
    import runyard.storage.postgres
    import runyard.storage.sqlite  # noqa: F401
    from runyard.cli.main import main

    return main


def become(message: bytes, files: list[int]) -> None:
    """Be the process that was asked for, and nothing of this one."""
    asked = json.loads(message)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.closerange(3, 1 + max(map(int, os.listdir("/proc/self/fd"))))
    # Those that there are know of the files that were there before.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv[:] = ["runyard", *asked["arguments"]]


def told_end(pid: int, told: int, descriptor: int) -> None:
    """Tell how a process ended."""
    _, status = os.waitpid(pid, 0)
    os.close(descriptor)
    with contextlib.suppress(BrokenPipeError):  # when nobody asks any more
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os.close(told)


if __name__ == "__main__":
    main()
