"""The timer: wakes exactly when the earliest deadline of any run passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runyard.engine import timers
from runyard.loops.gathering import LoopStore
from runyard.loops.runner import Loop

LONGEST_REST = 1.0
Wait = Callable[[float], Awaitable[object]]


async def tick_once(store: LoopStore) -> float:
    """Move what is overdue; the seconds until something is due next, at most one."""
    due = await store.read(timers.next_due)
    if due is None:
        return LONGEST_REST
    wait = (due - store.now()) / 1_000_000
    if wait > 0:
        return min(wait, LONGEST_REST)
    await store.write(timers.tick)
    return 0.0


async def repair_once(store: LoopStore) -> None:
    """Let held runs into places that were left free."""
    await store.write(timers.repair_lanes)


def loops(store: LoopStore, wait: Wait) -> list[Loop]:
    """The loops that move runs when their time has come; `wait` ends early when a close deadline is set."""
    return [
        Loop(name="timers", once=lambda: tick_once(store), pause=LONGEST_REST, wait=wait),
        Loop(name="lanes", once=lambda: repair_once(store), pause=10.0),
    ]
