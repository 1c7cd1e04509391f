"""Processes in groups of their own, which end with all they started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 5.0


async def start(
    command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdin: int, stderr: int, limit: int = 1 << 16
) -> Process:
    """The process, at the head of its own group. Raises `OSError`."""
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=dict(environment),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        limit=limit,
        start_new_session=True,
    )


async def end(process: Process, grace: float = GRACE_SECONDS) -> None:
    """Ask the group to stop, and kill what has not after a while."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), grace)
    kill(process)
    await process.wait()


def kill(process: Process) -> None:
    """Kill the group at once."""
    _signal(process, signal.SIGKILL)


def _signal(process: Process, number: signal.Signals) -> None:
    # The group may outlive its head, whose number stays taken as long as the group is there.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
