"""Sessions of agents: stopped when their time is up, and forced to stop when their grace is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.engine import sessions
from runyard.engine.tasks import recovering, settling
from runyard.loops.gathering import LoopStore
from runyard.loops.runner import Loop
from runyard.storage.port import Store

LONGEST_REST = 1.0
SLICE = 100


async def sweep_once(store: LoopStore) -> float:
    """Stop those whose time is up; straight on while there are more."""
    if await store.read(sessions.are_due):
        return 0.0 if await store.write(settling.sweep, SLICE) == SLICE else LONGEST_REST
    return LONGEST_REST


def recover(store: Store) -> None:
    """Look after the runs that somebody has without a lease, as the first server on the database starts."""
    after: str | None = ""
    while after is not None:
        after = store.transact(recovering.recover, after)


def loop(store: LoopStore, wait: Callable[[float], Awaitable[object]]) -> Loop:
    """The loop; `wait` ends early when sessions are to stop."""
    return Loop(name="sessions", once=lambda: sweep_once(store), pause=LONGEST_REST, wait=wait)
