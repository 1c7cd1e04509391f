"""Runs one command under limits and ends all that came of it; a program of its own, started by `confined`.

It reads no settings and imports nothing of ours, so that it can be started isolated, whatever the environment of the
command says to Python.
"""

import argparse
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import psutil

_BECOME_REAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux: orphans among our descendants become our children


def main() -> int:
    """Run the command named after the options, and end as it ended."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--lifeline", type=int, required=True, help="end at once when this file descriptor closes")
    reader.add_argument("--memory", type=int, required=True, help="bytes of data each process may have")
    reader.add_argument("--file", type=int, required=True, help="bytes each file may grow to")
    reader.add_argument("--seconds", type=int, required=True, help="seconds of processor time for each process")
    reader.add_argument("command", nargs="+")
    given = reader.parse_args()
    _keep_orphans()
    threading.Thread(target=_watch, args=(given.lifeline,), daemon=True).start()
    for kind, amount in (
        # Not the address space: programs such as Node reserve far more of it than they ever use.
        (resource.RLIMIT_DATA, given.memory),
        (resource.RLIMIT_FSIZE, given.file),
        (resource.RLIMIT_CPU, given.seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a lower one may be in force already
            resource.setrlimit(kind, (amount, amount))
    try:
        code = subprocess.Popen(given.command).wait()
    except OSError as error:
        print(f"{given.command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return 127
    end_descendants(os.getpid())
    return code if code >= 0 else 128 - code


def end_descendants(pid: int) -> None:
    """Kill everything that this process started, however far down and in whatever group."""
    for _ in range(20):  # what is killed may have started something in the moment before
        try:
            found = psutil.Process(pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        living = [one for one in found if _is_alive(one)]
        if not living:
            return
        for one in living:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                one.kill()
        psutil.wait_procs(living, timeout=0.2)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _keep_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_BECOME_REAPER, 1, 0, 0, 0)


def _watch(fd: int) -> None:
    while os.read(fd, 512):
        pass
    end_descendants(os.getpid())
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
