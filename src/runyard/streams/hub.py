"""Wake-ups: whoever waits for a topic is woken after a commit that touched it.

Everything here runs on the event loop; `Hub.publish` is the store's listener.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Set
from types import TracebackType
from typing import Self

EVERYTHING = "*"
"""A topic that wakes everybody: the store may have missed commits."""


class Waiter:
    """Counts as waiting from the moment it is entered, so that a wake-up between check and wait is not lost."""

    __slots__ = ("_future", "_hub", "topics", "woken")

    def __init__(self, hub: Hub, topics: frozenset[str]) -> None:
        self._hub = hub
        self._future: asyncio.Future[None] | None = None
        self.topics = topics
        self.woken = False

    def __enter__(self) -> Self:
        self._hub.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hub.remove(self)

    def wake(self) -> None:
        """Let it go on."""
        self.woken = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def reset(self) -> None:
        """Forget wake-ups so far; call it right before a check that will see what they told of."""
        self.woken = False

    async def wait(self, timeout: float | None) -> bool:  # noqa: ASYNC109 (a long poll's own words)
        """Wait for a wake-up since the last wait or reset; False when none came in time."""
        if not self.woken and not self._hub.closed:
            loop = asyncio.get_running_loop()
            self._future = future = loop.create_future()
            timer = None if timeout is None else loop.call_later(max(timeout, 0), _expire, future)
            try:
                await future
            finally:
                self._future = None
                if timer is not None:
                    timer.cancel()
        woken, self.woken = self.woken, False
        return woken


def _expire(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Hub:
    """The waiters by topic."""

    def __init__(self) -> None:
        self.closed = False
        self._waiters: dict[str, set[Waiter]] = {}

    def publish(self, topics: Set[str]) -> None:
        """Wake everybody who waits for one of the topics."""
        if EVERYTHING in topics:
            self._wake_all()
            return
        # A commit touches a topic a run, and few of them have anybody waiting.
        for topic in self._waiters.keys() & topics:
            for waiter in self._waiters[topic]:
                waiter.wake()

    def waiter(self, topics: Iterable[str]) -> Waiter:
        """A waiter for the topics; use it as a context manager around check and wait."""
        return Waiter(self, frozenset(topics))

    async def wait(self, topics: Iterable[str], timeout: float) -> bool:  # noqa: ASYNC109 (a long poll's own words)
        """Wait for the next wake-up of one of the topics; False when none came in time."""
        with self.waiter(topics) as waiter:
            return await waiter.wait(timeout)

    def add(self, waiter: Waiter) -> None:
        """Count the waiter in."""
        for topic in waiter.topics:
            self._waiters.setdefault(topic, set()).add(waiter)

    def remove(self, waiter: Waiter) -> None:
        """Count the waiter out."""
        for topic in waiter.topics:
            waiters = self._waiters.get(topic)
            if waiters is None:
                continue
            waiters.discard(waiter)
            if not waiters:
                del self._waiters[topic]

    def close(self) -> None:
        """Let everybody go: the server stops. From now on nobody waits."""
        self.closed = True
        self._wake_all()

    def _wake_all(self) -> None:
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.wake()
