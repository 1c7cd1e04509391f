"""Triggers that were put off: debounced ones that nothing followed, and buffers whose time has come."""

from __future__ import annotations

from runyard.engine import batches, buffers, debounces, dedup, hooks
from runyard.loops.gathering import LoopStore
from runyard.loops.runner import Loop
from runyard.storage.port import Tx

LONGEST_REST = 1.0
TIDIED = 60.0


async def fire_once(store: LoopStore) -> float:
    """Make what is due; the seconds until something is due next, at most one."""
    due = await store.read(next_due)
    if due is None:
        return LONGEST_REST
    wait = (due - store.now()) / 1_000_000
    if wait > 0:
        return min(wait, LONGEST_REST)
    fired = await store.write(debounces.fire)
    flushed = await store.write(buffers.flush)
    # Others may hold what is due; then there is nothing to be done in a hurry.
    return 0.0 if fired or flushed else LONGEST_REST


def next_due(tx: Tx) -> int | None:
    """When the first trigger that was put off is due."""
    return min((at for at in (debounces.next_due(tx), buffers.next_due(tx)) if at is not None), default=None)


async def tidy_once(store: LoopStore) -> float | None:
    """Forget payloads, records of batches and receipts of deliveries whose time is over."""
    forgotten = await store.write(dedup.prune)
    dropped = await store.write(batches.prune)
    receipts = await store.write(hooks.prune)
    more = forgotten >= dedup.PRUNED or dropped >= batches.PRUNED or receipts >= hooks.PRUNED
    return 0.0 if more else None


def loops(store: LoopStore) -> list[Loop]:
    """The loops."""
    return [
        Loop(name="triggers", once=lambda: fire_once(store), pause=LONGEST_REST),
        Loop(name="seen-payloads", once=lambda: tidy_once(store), pause=TIDIED),
    ]
