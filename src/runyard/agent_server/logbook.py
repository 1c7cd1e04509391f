"""The run's log: entries gathered and sent in batches, never lost while the process lives (contract §5.4)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

import msgspec

from runyard.agent_server.clock import Clock
from runyard.agent_server.control import LONGEST_DELAY, Control, ControlError, Refused

log = logging.getLogger("runyard.agent_server")
DEBOUNCE = 0.5
FORCED_AFTER = 5.0
FORCED_AFTER_MUCH = 10.0
MUCH = 4 << 20
BATCH_ENTRIES = 500
BATCH_BYTES = 4 << 20
LAST_ATTEMPTS = 3
LIMIT_BYTES = 256 << 20
"""How much is held while the control plane is away; beyond it, the oldest entries go."""
_MALFORMED = frozenset({400, 413, 415, 422})
"""Answers to what is in a batch; others are about who sends it, or where to, and may be over some day."""


class Logbook:
    """Entries on their way."""

    def __init__(self, control: Control, clock: Clock) -> None:
        self._control = control
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._sent_bytes = 0
        self._most = BATCH_ENTRIES
        self._first = self._last = 0.0
        self._news = asyncio.Event()
        self._line = asyncio.Lock()
        self.dropped = 0

    def add(self, entry: dict[str, Any]) -> None:
        """Take an entry; it is sent soon."""
        self._last = self._clock.monotonic()
        if not self._waiting:
            self._first = self._last
        self._waiting.append(msgspec.json.encode(entry))
        self._bytes += len(self._waiting[-1])
        while self._bytes > LIMIT_BYTES and len(self._waiting) > 1:
            self._bytes -= len(self._waiting.popleft())
            self.dropped += 1
        self._news.set()

    async def send_forever(self) -> None:
        """Send what comes, until this is cancelled."""
        delay = 0.0
        while True:
            await self._news.wait()
            await self._settle()
            if await self._send_all():
                delay = 0.0
            else:
                delay = min(2 * delay or DEBOUNCE, LONGEST_DELAY)
                await self._clock.sleep(delay)

    async def flush(self, attempts: int = LAST_ATTEMPTS) -> bool:
        """Send everything now; whether that worked."""
        for attempt in range(attempts):
            if attempt:
                await self._clock.sleep(DEBOUNCE * 2**attempt)
            if await self._send_all():
                return True
        log.error("log.lost %d entries could not be sent", len(self._waiting))
        return False

    async def _settle(self) -> None:
        """Return when nothing has come for a while, or the oldest entry has waited long enough."""
        longest = FORCED_AFTER_MUCH if self._sent_bytes >= MUCH else FORCED_AFTER
        while (rest := min(self._last + DEBOUNCE, self._first + longest) - self._clock.monotonic()) > 0:
            await self._clock.sleep(rest)

    async def _send_all(self) -> bool:
        """Send what waits, in order; whether nothing is left of it."""
        async with self._line:
            self._news.clear()
            while self._waiting:
                batch = self._batch()
                try:
                    await self._control.append([msgspec.Raw(entry) for entry in batch])
                except ControlError as error:
                    if not isinstance(error, Refused) or error.status not in _MALFORMED:
                        log.warning("log.not_sent %s", error)
                        self._news.set()
                        return False
                    # Something in it is wrong: by halves, until it is alone.
                    self._most = len(batch) // 2
                    if self._most:
                        continue
                    self.dropped += 1
                    log.error("log.dropped %s: %.200r", error, batch[0])
                self._most = min(2 * self._most or 1, BATCH_ENTRIES)
                self._sent_bytes += sum(len(entry) for entry in batch)
                self._forget(batch)
            return True

    def _batch(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        for entry in self._waiting:
            size += len(entry)
            if batch and (size > BATCH_BYTES or len(batch) == self._most):
                break
            batch.append(entry)
        return batch

    def _forget(self, batch: list[bytes]) -> None:
        for entry in batch:
            # The oldest may have gone meanwhile, for want of room.
            if self._waiting and self._waiting[0] is entry:
                self._waiting.popleft()
                self._bytes -= len(entry)
        self._first = self._clock.monotonic()
