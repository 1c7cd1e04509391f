"""A short wait that those who are in no hurry share, so that what they write comes together."""

from __future__ import annotations

import asyncio


class Lull:
    """Everybody who waits goes on in the same moment: when the time of whoever is to wait least is over."""

    def __init__(self) -> None:
        self.waiting = 0
        """How many there are now."""
        self._over = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None

    async def wait(self, seconds: float) -> None:
        """Wait for so many seconds at most."""
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if self._alarm is None or at < self._alarm.when():
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = loop.call_at(at, self._end)
        self.waiting += 1
        try:
            await self._over.wait()
        finally:
            self.waiting -= 1

    def _end(self) -> None:
        self._alarm = None
        self._over.set()
        self._over = asyncio.Event()
