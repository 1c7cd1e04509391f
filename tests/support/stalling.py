"""Holding a store's committers, so that writes wait together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from runyard.storage.pending import Pending
from runyard.storage.port import Store, Tx

PATIENCE = 10
"""Seconds after which a test that hangs gives up."""


def committers(store: Store) -> int:
    """How many committers the store has."""
    return len(getattr(store, "committers", [None]))


@contextlib.contextmanager
def stalled(store: Store, first: Callable[[Tx], object] = lambda tx: None) -> Iterator[Callable[[], None]]:
    """Every committer stands in the middle of a transaction (which did `first`) until the block ends or says go."""
    go = threading.Event()
    stalls = []
    for _ in range(committers(store)):
        entered = threading.Event()

        def stall(tx: Tx, entered: threading.Event = entered) -> None:
            first(tx)
            entered.set()
            assert go.wait(PATIENCE)

        stalls.append(submit(store, stall))
        assert entered.wait(PATIENCE)
    try:
        yield go.set
    finally:
        go.set()
        for one in stalls:
            one.result(PATIENCE)


def submit(store: Store, op: Callable[..., object], *args: object) -> Future[object]:
    """Let the operation be written, without waiting for it."""
    pending = Pending(op, args, {}, None)
    store._enqueue(pending)  # type: ignore[attr-defined]
    future: Future[object] = pending.future
    return future
