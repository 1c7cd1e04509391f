"""Threads that read, for callers of either colour.

The library's own pool hands a result from its future to the loop's, through locks and callbacks that cost the event
loop more than most reads do.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from runyard.domain.errors import Unavailable


class Reading:
    """Something to be read, and whoever waits for it."""

    __slots__ = ("future", "look", "loop")

    def __init__(self, look: Callable[[], Any], loop: asyncio.AbstractEventLoop | None) -> None:
        self.look = look
        self.loop = loop
        self.future: Any = loop.create_future() if loop is not None else Future()

    def read(self) -> None:
        """Read it, on the thread that calls, and hand over what was found."""
        try:
            found = self.look()
        except BaseException as error:  # whatever it is, it is for who waits
            self.hand_over(None, error)
        else:
            self.hand_over(found, None)

    def hand_over(self, found: Any, error: BaseException | None) -> None:
        """Give the outcome to whoever waits."""
        if self.loop is None:
            self._resolve(found, error)
            return
        try:
            self.loop.call_soon_threadsafe(self._resolve, found, error)
        except RuntimeError:  # the loop closed meanwhile; nobody waits any more
            return

    def _resolve(self, found: Any, error: BaseException | None) -> None:
        if self.future.done():  # the caller went away
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(found)


class Readers:
    """At most so many threads, each started when all before it have something to do."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._waiting: queue.SimpleQueue[Reading | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()

    def put(self, reading: Reading) -> None:
        """Have something read."""
        self._waiting.put(reading)
        if len(self._threads) < self._number and (not self._threads or self._waiting.qsize()):
            self._start()

    def close(self) -> None:
        """Read what was accepted, and refuse the rest."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        while not self._waiting.empty():
            reading = self._waiting.get()
            if reading is not None:
                reading.hand_over(None, Unavailable("the server is shutting down"))

    def _start(self) -> None:
        with self._starting:
            if len(self._threads) < self._number:
                thread = threading.Thread(target=self._work, name="store-read", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while (reading := self._waiting.get()) is not None:
            reading.read()
            del reading
