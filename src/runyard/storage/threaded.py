"""What both stores are made of: threads that write in batches, threads that read, and callers of either colour."""

from __future__ import annotations

import asyncio
import queue
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from runyard.domain.errors import Unavailable
from runyard.storage.committer import Committer, Publisher
from runyard.storage.pending import Pending, enqueue, refuse_rest
from runyard.storage.port import Listener, Tx
from runyard.storage.readers import Readers, Reading
from runyard.storage.syncing import Syncing

P = ParamSpec("P")
R = TypeVar("R")


class ThreadedStore(ABC):
    """A `Store` over committers (which its maker starts) and reading threads."""

    raises: tuple[type[Exception], ...]
    """What the driver raises; `translated` turns it into what callers know."""

    def __init__(self, *, clock: Callable[[], int], readers: int, ageing: bool) -> None:
        self.now = clock
        self.known: dict[Any, Any] = {"ageing": ageing}
        self.publisher = Publisher()
        self.waiting: queue.Queue[Pending | None] = queue.SimpleQueue()  # type: ignore[assignment]
        self.committers: Sequence[Committer] = ()
        self.syncing: Syncing | None = None
        """What readers wait for; none where nobody sees a commit before it is durable."""
        self._readers = Readers(readers)
        self._closed = False

    @abstractmethod
    def look_now(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the operation on a snapshot, on one of the reading threads."""

    @abstractmethod
    def translated(self, error: Exception) -> Exception:
        """A driver's error as callers know it."""

    @abstractmethod
    def join(self) -> bool:
        """Be one of the servers on the database until the store is closed; whether no other was there."""

    @abstractmethod
    def release(self) -> None:
        """Let go of the database; nothing writes or reads any more."""

    async def write(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the operation in a transaction; durable when this returns."""
        pending = Pending(op, args, kwargs, asyncio.get_running_loop())
        self._enqueue(pending)
        try:
            return await pending.future  # type: ignore[no-any-return]
        except self.raises as error:
            raise self.translated(error) from error

    def transact(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """`write` for synchronous callers."""
        pending = Pending(op, args, kwargs, None)
        self._enqueue(pending)
        try:
            return pending.future.result()  # type: ignore[no-any-return]
        except self.raises as error:
            raise self.translated(error) from error

    async def read(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the operation on a snapshot; it may not write."""
        loop = asyncio.get_running_loop()
        self._check_open()
        try:
            reading = Reading(partial(self.look_now, op, *args, **kwargs), loop)
            self._readers.put(reading)
            return await reading.future  # type: ignore[no-any-return]
        finally:
            if self.syncing is not None and self.syncing.is_behind():
                await self.syncing.caught_up(loop)

    def look(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """`read` for synchronous callers."""
        self._check_open()
        try:
            reading = Reading(partial(self.look_now, op, *args, **kwargs), None)
            self._readers.put(reading)
            return reading.future.result()  # type: ignore[no-any-return]
        finally:
            if self.syncing is not None and self.syncing.is_behind():
                self.syncing.caught_up(None).result()

    def subscribe(self, listener: Listener) -> None:
        """Call the listener after each commit with the topics it touched."""
        self.publisher.add(listener)

    def close(self) -> None:
        """Finish what was accepted, refuse the rest, then let go of the database."""
        if self._closed:
            return
        self._closed = True
        for _ in self.committers:
            self.waiting.put(None)
        for committer in self.committers:
            committer.thread.join()
        refuse_rest(self.waiting)
        self._readers.close()
        self.release()

    def _enqueue(self, pending: Pending) -> None:
        self._check_open()
        enqueue(self.waiting, pending)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the server is shutting down")
