"""The one runner of all loops: it repeats a pass, waits, jitters, and goes on after any error."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from runyard.domain.errors import Unavailable

log = structlog.get_logger("runyard.loops")

Pass = Callable[[], Awaitable[float | None]]
"""One pass; how many seconds to wait at most before the next (None: the loop's own pause)."""


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """A named pass and how long to rest after it; `wait` may return early, woken by a commit."""

    name: str
    once: Pass
    pause: float
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep


class Runner:
    """Runs loops side by side until stopped; `beats` tells when each means to begin its next pass (monotonic clock)."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.loops = loops
        self.beats: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin every loop on the running event loop."""
        self.beats = {loop.name: time.monotonic() for loop in self.loops}
        self._tasks = [asyncio.create_task(self._turn(loop), name=f"loop-{loop.name}") for loop in self.loops]

    async def stop(self) -> None:
        """End every loop; a pass that is under way is cut off, and its writes are whole or not at all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _turn(self, loop: Loop) -> None:
        failures = 0
        while True:
            rest: float | None
            try:
                rest = await loop.once()
                failures = 0
            except Unavailable as error:
                failures += 1
                rest = min(30.0, 0.5 * 2 ** min(failures, 6))
                log.warning("loop.unavailable", loop=loop.name, detail=error.detail)
            except Exception:
                failures += 1
                rest = min(30.0, 1.0 * 2 ** min(failures, 5))
                log.exception("loop.failed", loop=loop.name)
            pause = loop.pause if rest is None else rest
            if pause > 1:
                pause *= random.uniform(0.9, 1.1)  # noqa: S311 (spreads servers out, guards nothing)
            self.beats[loop.name] = time.monotonic() + pause
            if pause > 0:
                await loop.wait(pause)
