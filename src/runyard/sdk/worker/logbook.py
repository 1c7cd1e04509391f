"""Sends the lines handlers log: in the background, in order, and before the outcome of their run."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from runyard.sdk.call import Call
from runyard.sdk.calls import leases
from runyard.sdk.errors import RunyardError
from runyard.sdk.exchange import Patience
from runyard.sdk.worker.held import Held
from runyard.sdk.worker.patience import passes, pause

log = logging.getLogger("runyard.worker")

WINDOW_SECONDS = 0.05
MOST_LINES = 1000
MOST_BYTES = 512 * 1024


class Logbook:
    """The lines that are not on the server yet; they hang from their runs."""

    def __init__(
        self,
        send: Callable[[Call[Any]], Awaitable[Any]],
        patience: Patience,
        *,
        spawn: Callable[[Any], asyncio.Task[None]],
    ) -> None:
        self._send = send
        self._patience = patience
        self._spawn = spawn

    def announce(self, held: Held) -> None:
        """Send what the run has logged, and what it logs in the next moment, soon."""
        asyncio.get_running_loop().call_later(WINDOW_SECONDS, self._begin, held)

    async def flush(self, held: Held) -> None:
        """Send all that the run has logged."""
        self._begin(held)
        if held.flush is not None:
            await held.flush

    def _begin(self, held: Held) -> None:
        if held.flush is None and held.lines:
            held.flush = self._spawn(self._write(held))

    async def _write(self, held: Held) -> None:
        try:
            while held.lines and not held.lost:
                # From here on a new line announces itself again; it may also be taken along below.
                held.lines_announced = False
                await self._append(held, _batch(held.lines))
        finally:
            held.flush = None

    async def _append(self, held: Held, lines: list[bytes]) -> None:
        failures = 0
        while not held.lost:
            try:
                await self._send(leases.log(held.run_id, lines, token=held.token))
                return
            except RunyardError as error:
                if not passes(error):
                    log.warning("worker.lines_refused run=%s lines=%d error=%s", held.run_id, len(lines), error)
                    return
                await asyncio.sleep(pause(self._patience, error, failures))
                failures += 1


def _batch(lines: deque[bytes]) -> list[bytes]:
    batch: list[bytes] = []
    size = 0
    # Only this takes lines away, so the first one stays the first one while a handler adds to the end.
    while lines and len(batch) < MOST_LINES:
        size += len(lines[0])
        if batch and size > MOST_BYTES:
            break
        batch.append(lines.popleft())
    return batch
