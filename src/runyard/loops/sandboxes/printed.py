"""What is printed in a sandbox: taken, so that nobody in there waits for us, and its last lines remembered."""

from __future__ import annotations

import asyncio
from collections import deque

LINES = 20
"""How many of the last lines are remembered."""
LONGEST = 500


async def read(process: asyncio.subprocess.Process, said: deque[str]) -> None:
    """Take what is printed, so that nobody waits for us to; the last lines of standard error are remembered."""
    assert process.stdout is not None
    assert process.stderr is not None

    async def drain(stream: asyncio.StreamReader) -> None:
        while await stream.read(1 << 16):
            pass

    async def remember(stream: asyncio.StreamReader) -> None:
        rest = b""
        while piece := await stream.read(1 << 16):
            *lines, rest = (rest + piece).split(b"\n")
            rest = rest[-(1 << 16) :]
            said.extend(text for line in lines if (text := line.decode(errors="replace").strip()[:LONGEST]))
        if text := rest.decode(errors="replace").strip()[:LONGEST]:
            said.append(text)

    await asyncio.gather(drain(process.stdout), remember(process.stderr))
