"""What git says of the folder; a folder that is no repository has no branch."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

SECONDS = 10.0


async def branch(folder: Path) -> str | None:
    """The branch that is checked out, if one is."""
    # Not what the repository's own configuration would have git run.
    command = ("git", "-c", "core.fsmonitor=false", "-C", str(folder), "symbolic-ref", "--quiet", "--short", "HEAD")
    with contextlib.suppress(OSError, TimeoutError):
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        try:
            said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        name = said.decode(errors="replace").strip()
        if process.returncode == 0 and 0 < len(name) <= 255:
            return name
    return None
