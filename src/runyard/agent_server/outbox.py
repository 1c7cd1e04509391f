"""Events for the one listener of `/events`: kept while nobody listens, and replayed to who comes (contract §10.4)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import msgspec

LIMIT_BYTES = 16 << 20
"""How much is kept for a listener that is away or slow; then the oldest events go."""


def frame(event: dict[str, Any]) -> bytes:
    """The event as it travels: data alone, no name and no id."""
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


class Outbox:
    """Events in order, each until the listener has it."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._limit = limit
        self._news = asyncio.Event()
        self._listener: Listener | None = None
        self.is_closed = False

    def put(self, event: dict[str, Any]) -> None:
        """Keep an event until it is heard."""
        added = frame(event)
        self._frames.append(added)
        self._bytes += len(added)
        self._news.set()
        while self._bytes > self._limit and len(self._frames) > 1:
            self._bytes -= len(self._frames.popleft())

    def listen(self) -> Listener:
        """Who hears the events from now on, first of all those that nobody has heard; who listened before is done."""
        self._listener = Listener(self)
        self._news.set()
        return self._listener

    def hang_up(self) -> None:
        """Let the listener go, once it has heard everything."""
        if self._listener is not None:
            self._listener.is_over = True
        self._news.set()

    def close(self) -> None:
        """Take it that nothing more comes."""
        self.is_closed = True
        self._news.set()

    async def next(self, listener: Listener) -> bytes | None:
        """The frame to send, or nothing when it is over for this listener."""
        while self._listener is listener:
            if self._frames:
                first = self._frames.popleft()
                self._bytes -= len(first)
                return first
            if (greeting := listener.take_greeting()) is not None:
                return greeting
            if self.is_closed or listener.is_over:
                return None
            self._news.clear()
            await self._news.wait()
        return None

    def back(self, unsent: bytes) -> None:
        """Keep a frame that could not be sent for the next listener."""
        self._frames.appendleft(unsent)
        self._bytes += len(unsent)

    def stir(self) -> None:
        """Have the listener look again."""
        self._news.set()


class Listener:
    """One connection to `/events`."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.is_over = False
        self._greeting: bytes | None = None

    def greet(self, event: dict[str, Any]) -> None:
        """Send this connection, and no other, an event when it has heard what was kept."""
        self._greeting = frame(event)
        self._outbox.stir()

    def take_greeting(self) -> bytes | None:
        """The greeting, once."""
        greeting, self._greeting = self._greeting, None
        return greeting

    async def next(self) -> bytes | None:
        """The frame to send, or nothing when somebody else listens now or nothing more comes."""
        return await self._outbox.next(self)
