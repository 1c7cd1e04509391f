"""Threads for handlers that are plain functions.

They pull from one queue, and nobody waits for a single run: measured with no-op handlers this costs a sixth of what a
`ThreadPoolExecutor` with one future a run does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from runyard.sdk.worker.held import Held


class Threads:
    """Up to `most` threads that call `work` on what is put in; used from one thread."""

    def __init__(self, work: Callable[[Held], None], *, most: int) -> None:
        self._work = work
        self._most = most
        self._threads: list[threading.Thread] = []
        self._queue: SimpleQueue[Held | None] = SimpleQueue()

    def put(self, held: Held, *, busy: int) -> None:
        """Have a run worked on; `busy` runs were put in and are not done, this one included."""
        self._queue.put(held)
        if len(self._threads) < min(busy, self._most):
            # Daemons: a handler that never returns must not keep the process from ending after the drain.
            thread = threading.Thread(target=self._serve, name=f"runyard-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def waiting(self) -> int:
        """How many runs no thread has taken up yet."""
        return self._queue.qsize()

    def take_back(self) -> list[Held]:
        """Remove and return the runs that no thread has taken up yet."""
        taken: list[Held] = []
        try:
            while True:
                held = self._queue.get_nowait()
                if held is not None:
                    taken.append(held)
        except Empty:
            return taken

    def stop(self) -> None:
        """Let the threads end once they are idle."""
        for _ in self._threads:
            self._queue.put(None)

    def _serve(self) -> None:
        while (held := self._queue.get()) is not None:
            self._work(held)
