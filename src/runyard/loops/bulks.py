"""Bulk actions: carried on slice by slice, woken by the commit that asked for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.engine import bulks
from runyard.loops.runner import Loop
from runyard.storage.port import Store

PAUSE = 5.0


async def advance_once(store: Store) -> float | None:
    """One slice; straight on while there is more."""
    return None if await store.write(bulks.advance) is None else 0.0


def loop(store: Store, wait: Callable[[float], Awaitable[object]]) -> Loop:
    """The loop; `wait` ends early when a bulk action is asked for."""
    return Loop(name="bulk", once=lambda: advance_once(store), pause=PAUSE, wait=wait)
