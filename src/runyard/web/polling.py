"""Long polls: a look that is repeated with every wake-up until it finds something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sized
from typing import TypeVar

from runyard.streams.hub import Hub
from runyard.web.call import Call

T = TypeVar("T", bound=Sized)
LONGEST = 60.0
"""How many seconds a long poll waits at most."""
RECHECK = 5.0
"""How often it looks again though nothing woke it."""


async def until(hub: Hub, call: Call, topic: str, look: Callable[[], Awaitable[T]], *, seconds: float = LONGEST) -> T:
    """What a look finds as soon as that is not empty; what the last one found when the time is over or nobody waits."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    with hub.waiter([topic]) as waiter, call.presence(waiter.wake) as client:
        while True:
            waiter.reset()
            found = await look()
            left = deadline - loop.time()
            if found or left <= 0 or client.gone or hub.closed:
                return found
            await waiter.wait(min(left, RECHECK))
