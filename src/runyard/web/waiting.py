"""Long polls: look, and look again after each commit that may have changed the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

import msgspec

from runyard.streams.hub import Hub
from runyard.web.call import Call

T = TypeVar("T")

RECHECK_SECONDS = 5.0
"""How often a look is repeated though nothing woke it."""


class Waited(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What a long poll found, if anything."""

    value: T | None
    gone: bool = False
    """Whether the client went away: nobody reads the answer."""


async def waited(
    call: Call, hub: Hub, topics: Iterable[str], look: Callable[[], Awaitable[T | None]], *, seconds: float
) -> Waited[T]:
    """What `look` finds first, woken by the topics; nothing when the time is over or the server stops."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    with hub.waiter(topics) as waiter, call.presence(waiter.wake) as client:
        while True:
            waiter.reset()
            value = await look()
            left = deadline - loop.time()
            if value is None and not client.gone and left > 0 and not hub.closed:
                await waiter.wait(min(left, RECHECK_SECONDS))
                if not client.gone:
                    continue
            return Waited(value=value, gone=client.gone)
