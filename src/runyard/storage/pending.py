"""Operations that wait for a committer, and how their callers hear of the outcome."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from runyard.domain.errors import Overloaded, Unavailable

QUEUE_LIMIT = 20_000


class Pending:
    """An operation that waits to be written, and whoever waits for its outcome."""

    __slots__ = ("args", "future", "kwargs", "loop", "op", "outcome")

    def __init__(self, op: Callable[..., Any], args: Any, kwargs: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self.op = op
        self.args = args
        self.kwargs = kwargs
        self.loop = loop
        self.future: Any = loop.create_future() if loop is not None else Future()
        self.outcome: Any = None

    def resolve(self) -> None:
        """Hand the outcome over; a caller that went away is passed by."""
        if self.future.done():
            return
        if isinstance(self.outcome, BaseException):
            self.future.set_exception(self.outcome)
        else:
            self.future.set_result(self.outcome)


def deliver(batch: list[Pending]) -> None:
    """Hand every outcome to its caller, those of one loop in one wake-up of it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Pending]] = {}
    for pending in batch:
        if pending.loop is None:
            pending.resolve()
        else:
            by_loop.setdefault(pending.loop, []).append(pending)
    for loop, group in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve_all, group)
        except RuntimeError:  # the loop closed while the batch was written; nobody waits any more
            continue


def _resolve_all(group: list[Pending]) -> None:
    for pending in group:
        pending.resolve()


def enqueue(waiting: queue.Queue[Pending | None], pending: Pending) -> None:
    """Queue an operation. Raises `Overloaded` when too many wait already."""
    if waiting.qsize() >= QUEUE_LIMIT:
        raise Overloaded("too many writes are waiting; try again in a second")
    waiting.put(pending)


def refuse_rest(waiting: queue.Queue[Pending | None]) -> None:
    """Answer the operations that slipped in while the last committer ended; nobody will write them."""
    while True:
        try:
            pending = waiting.get_nowait()
        except queue.Empty:
            return
        if pending is not None:
            pending.outcome = Unavailable("the server is shutting down")
            deliver([pending])
