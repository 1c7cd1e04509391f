"""Deadlines of reviews: what nobody judged in time is recorded as timed out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.engine.tasks import routing, verdicts
from runyard.loops.runner import Loop
from runyard.storage.port import Store

LONGEST_REST = 5.0


async def lapse_once(store: Store) -> float:
    """One pass; the seconds until the next deadline, at most five."""
    due = await store.read(verdicts.next_deadline)
    if due is None:
        return LONGEST_REST
    wait = (due - store.now()) / 1_000_000
    if wait > 0:
        return min(wait, LONGEST_REST)
    await store.write(verdicts.lapse)
    return 0.0


def loop(store: Store, until: Callable[[str], Callable[[float], Awaitable[object]]]) -> Loop:
    """The loop; its rest ends early when a close deadline is set."""
    return Loop(name="reviews", once=lambda: lapse_once(store), pause=LONGEST_REST, wait=until(routing.DEADLINES))
