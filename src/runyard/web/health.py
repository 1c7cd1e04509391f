"""Is the process alive, and can it do its work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from runyard.domain.errors import DomainError, Unavailable
from runyard.storage.port import Store, Tx
from runyard.web.problems import PROBLEMS
from runyard.web.reply import Sent, encode

STALE_SECONDS = 60.0
READ_SECONDS = 2.0

Beats = Callable[[], Mapping[str, float]]
"""When each server loop means to begin its next pass, by the monotonic clock; long past, it is stuck or dead."""


def live() -> Sent:
    """The process answers."""
    return Sent(200, encode({"status": "ok"}))


class Readiness:
    """Whether the store can be read and every server loop still turns."""

    def __init__(self, store: Store, beats: Beats, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self.beats = beats
        self.ticks = ticks

    async def reply(self, request_id: str) -> Sent:
        """200 when ready, else 503 that says what is not."""
        try:
            await self.check()
        except DomainError as error:
            return PROBLEMS.reply(error, request_id)
        return Sent(200, encode({"status": "ready"}))

    async def check(self) -> None:
        """Read the store and look at the loops. Raises `Unavailable`."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self.store.read(_look)
        except TimeoutError:
            raise Unavailable(f"the database did not answer a read within {READ_SECONDS:.0f} s") from None
        except DomainError:
            raise
        except Exception as error:  # any driver's own error means the same here
            raise Unavailable("the database cannot be read") from error
        now = self.ticks()
        stale = sorted(name for name, beat in self.beats().items() if now - beat > STALE_SECONDS)
        if stale:
            raise Unavailable(f"these server loops have been silent for over a minute: {', '.join(stale)}")


def _look(tx: Tx) -> None:
    tx.row("SELECT id FROM projects ORDER BY id LIMIT 1")
