"""Changed limits: brought to the rest of a job's live runs, slice by slice, woken by the commit that changed one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.engine import caps
from runyard.loops.runner import Loop
from runyard.storage.port import Store

PAUSE = 5.0


async def settle_once(store: Store) -> float | None:
    """One slice; straight on while there is more."""
    return None if await store.write(caps.settle) == 0 else 0.0


def loop(store: Store, wait: Callable[[float], Awaitable[object]]) -> Loop:
    """The loop; `wait` ends early when a limit is changed."""
    return Loop(name="caps", once=lambda: settle_once(store), pause=PAUSE, wait=wait)
