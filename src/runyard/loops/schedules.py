"""Cron: makes the runs of jobs whose time has come, and plans anew where a project's time zone changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.engine import schedules
from runyard.loops.gathering import LoopStore
from runyard.loops.runner import Loop

LONGEST_REST = 1.0
PAUSE = 5.0


async def fire_once(store: LoopStore) -> float:
    """Make what is due; the seconds until something is due next, at most one."""
    due = await store.read(schedules.next_due)
    if due is None:
        return LONGEST_REST
    wait = (due - store.now()) / 1_000_000
    if wait > 0:
        return min(wait, LONGEST_REST)
    # Others may hold what is due; then there is nothing to be done in a hurry.
    return 0.0 if await store.write(schedules.fire) else LONGEST_REST


async def settle_once(store: LoopStore) -> float | None:
    """Plan one slice anew; straight on while there is more."""
    return None if await store.write(schedules.settle) == 0 else 0.0


def loops(store: LoopStore, wait: Callable[[float], Awaitable[object]]) -> list[Loop]:
    """The loops; schedules are planned so far ahead that looking once a second is soon enough.

    `wait` ends early when a time zone is changed.
    """
    return [
        Loop(name="schedules", once=lambda: fire_once(store), pause=LONGEST_REST),
        Loop(name="zones", once=lambda: settle_once(store), pause=PAUSE, wait=wait),
    ]
