"""Syncs what was committed while the next batch is written, and tells nobody of it before.

Readers see a commit before it is on the disk. So what they read is held back as well until all is synced that was
committed by then: whatever anybody was told survives a loss of power.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from runyard.storage.pending import Pending

log = structlog.get_logger("runyard.storage")


@dataclass(slots=True, kw_only=True, eq=False)
class Done:
    """Operations that have their outcomes, and what to tell of them."""

    batch: Sequence[Pending]
    topics: frozenset[str] = frozenset()
    started: float = field(default_factory=time.perf_counter)
    events: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    """All commits up to this one are to be synced before anybody is told."""
    is_read: bool = False
    """Whether it is somebody who read, and no batch."""


def _look() -> None:
    """What a reader did is done already."""


class Syncing:
    """A thread that makes commits durable and tells of them, those together that were committed during a sync.

    A sync that failed is the last. What it was to write may be lost though the next one succeeds, and with it all that
    stands behind it in the log: nothing is confirmed any more until the database is opened again.
    """

    def __init__(self, sync: Callable[[], None], tell: Callable[[Sequence[Done], Exception | None], None]) -> None:
        self._sync = sync
        self._tell = tell
        self._begun = 0
        self._ended = 0
        self._synced = 0
        self._failure: Exception | None = None
        self._waiting: list[Done] = []
        self._is_over = False
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="syncing", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """The committer is about to commit: from now on readers may see what it wrote."""
        self._begun += 1

    def end(self, done: Done) -> None:
        """Tell, once all commits that were begun are synced."""
        with self._changed:
            self._ended = done.commits = self._begun
            self._waiting.append(done)
            self._changed.notify()

    def is_behind(self) -> bool:
        """Whether a reader may have seen what is not synced."""
        return self._synced < self._begun

    def caught_up(self, loop: asyncio.AbstractEventLoop | None) -> Any:
        """A future (of the loop, if there is one) that is done once all is synced that a reader may have seen by now.

        It raises `Unavailable` when that fails.
        """
        reader = Pending(_look, (), {}, loop)
        done = Done(batch=[reader], commits=self._begun, is_read=True)
        with self._changed:
            if not self._is_closed:
                self._waiting.append(done)
                self._changed.notify()
                return reader.future
        self._tell([done], self._failure)
        return reader.future

    def close(self) -> None:
        """Tell all who still wait, then end; the committer has ended."""
        with self._changed:
            self._ended = self._begun
            self._is_over = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._is_wanted)
                ended = self._ended
                ready = [done for done in self._waiting if done.commits <= ended]
                self._waiting = [done for done in self._waiting if done.commits > ended]
                if not ready:
                    self._is_closed = True
                    return
            if self._failure is None and self._synced < ended:
                try:
                    self._sync()
                    self._synced = ended
                except Exception as failure:
                    log.exception("sync.failed", advice="see to the disk, then start the server again")
                    self._failure = failure
            self._tell(ready, self._failure)

    def _is_wanted(self) -> bool:
        return self._is_over or any(done.commits <= self._ended for done in self._waiting)
