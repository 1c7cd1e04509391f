"""Runs that wait for other jobs: looked at slice by slice where there are more than one transaction takes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.engine import dependencies
from runyard.loops.runner import Loop
from runyard.storage.port import Store

PAUSE = 5.0


async def settle_once(store: Store) -> float | None:
    """One slice; straight on while there is more."""
    return None if await store.write(dependencies.settle) == 0 else 0.0


def loop(store: Store, wait: Callable[[float], Awaitable[object]]) -> Loop:
    """The loop; `wait` ends early when an end leaves runs to be looked at."""
    return Loop(name="dependencies", once=lambda: settle_once(store), pause=PAUSE, wait=wait)
