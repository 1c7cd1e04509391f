"""Cron: makes the runs of jobs whose time has come."""

from __future__ import annotations

from runyard.engine import schedules
from runyard.loops.runner import Loop
from runyard.storage.port import Store

LONGEST_REST = 1.0


async def fire_once(store: Store) -> float:
    """Make what is due; the seconds until something is due next, at most one."""
    due = await store.read(schedules.next_due)
    if due is None:
        return LONGEST_REST
    wait = (due - store.now()) / 1_000_000
    if wait > 0:
        return min(wait, LONGEST_REST)
    # Others may hold what is due; then there is nothing to be done in a hurry.
    return 0.0 if await store.write(schedules.fire) else LONGEST_REST


def loop(store: Store) -> Loop:
    """The loop; schedules are planned so far ahead that looking once a second is soon enough."""
    return Loop(name="schedules", once=lambda: fire_once(store), pause=LONGEST_REST)
