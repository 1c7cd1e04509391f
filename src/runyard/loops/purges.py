"""Deleted jobs and projects: taken away slice by slice, woken by the commit that deleted one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from runyard.artifacts.port import Blobs
from runyard.engine import purges
from runyard.loops.runner import Loop
from runyard.storage.port import Store

PAUSE = 60.0
REST = 0.02
"""Between slices, so that they never keep others from writing."""


async def purge_once(store: Store, blobs: Blobs) -> float | None:
    """One slice; soon the next while there is more."""
    return REST if await asyncio.to_thread(purges.purge_once, store, blobs) else None


def loop(store: Store, blobs: Blobs, wait: Callable[[float], Awaitable[object]]) -> Loop:
    """The loop; `wait` ends early when something is deleted."""
    return Loop(name="purge", once=lambda: purge_once(store, blobs), pause=PAUSE, wait=wait)
