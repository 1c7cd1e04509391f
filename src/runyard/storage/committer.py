"""Group commit: what waits together is written in one transaction and answered after one commit.

The batch is whatever arrived while the previous commit ran: no waiting window, at most `BATCH` operations. Calls of
the same list-taking operation that wait together are merged into one call.

Batches are written boldly: an operation that fails after it wrote undoes its whole batch, which is then written again
with more care. Few do; most refuse before they write. Care for every batch would cost each of them more: a savepoint
makes SQLite copy every page that is written after it, and PostgreSQL answer two more statements.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from runyard.domain.errors import DomainError, Raced, Unavailable
from runyard.storage.pending import Pending, deliver
from runyard.storage.port import JournalLine, Listener, Observe, Tx
from runyard.storage.syncing import Done, Syncing

BATCH = 256
UNREACHABLE = "the database cannot be reached; nothing was confirmed as written"


class Backend(Protocol):
    """What a committer needs of an engine's writing connection."""

    isolates: bool
    """Whether what one operation wrote can be undone alone (a savepoint), leaving the rest of the batch."""

    def begin(self) -> Tx: ...
    def save(self, tx: Tx) -> object: ...
    def undo(self, tx: Tx, mark: object) -> None: ...
    def commit(self, tx: Tx) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...
    def is_broken(self, error: Exception) -> bool: ...


class Committer:
    """One thread that owns one writing connection.

    `sync` lets commits survive a loss of power, where they do not do so by themselves.
    """

    def __init__(
        self,
        backend: Backend,
        waiting: queue.Queue[Pending | None],
        publish: Callable[[frozenset[str]], None],
        *,
        name: str,
        observe: Observe | None = None,
        sync: Callable[[], None] | None = None,
    ) -> None:
        self.backend = backend
        self.waiting = waiting
        self.publish = publish
        self.observe = observe
        self.syncing = Syncing(sync, self._tell) if sync is not None else None
        self._events: Counter[str] = Counter()
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while True:
            first = self.waiting.get()
            if first is None:
                self._end()
                return
            batch, last = [first], False
            while len(batch) < BATCH:
                try:
                    nxt = self.waiting.get_nowait()
                except queue.Empty:
                    break
                if nxt is None:
                    last = True
                    break
                batch.append(nxt)
            done = Done(batch=batch, events=self._events)
            done.topics = self._write(batch)
            self._events = Counter()
            if self.syncing is None:
                self._tell([done], None)
            else:
                self.syncing.end(done)
            del batch, first, done
            if last:
                self._end()
                return

    def _end(self) -> None:
        if self.syncing is not None:
            self.syncing.close()
        self.backend.close()

    def _tell(self, done: Sequence[Done], error: Exception | None) -> None:
        """Hand over the outcomes of what is durable now, or why it may not be; one thread at a time."""
        if error is not None:
            for pending in (pending for one in done for pending in one.batch):
                pending.outcome = Unavailable(UNREACHABLE)
        deliver([pending for one in done for pending in one.batch])
        topics = frozenset[str]().union(*(one.topics for one in done))
        if topics:
            self.publish(topics)
        if self.observe is not None:
            for one in (one for one in done if not one.is_read):
                self.observe(len(one.batch), time.perf_counter() - one.started, one.events)

    def _write(self, batch: list[Pending]) -> frozenset[str]:
        try:
            return self._transaction(batch)
        except Exception as error:
            if self._is_over(error, batch):
                return frozenset()
        if self.backend.isolates:
            try:
                return self._transaction(batch, isolated=True)
            except Exception as error:
                if self._is_over(error, batch):
                    return frozenset()
        topics: frozenset[str] = frozenset()
        for pending in batch:
            topics |= self._write_alone(pending)
        return topics

    def _is_over(self, error: Exception, batch: list[Pending]) -> bool:
        """Whether there is no use in writing the batch again; its operations have their outcomes then."""
        if self.backend.is_broken(error):
            error = Unavailable(UNREACHABLE)
        elif len(batch) > 1 or _is_transient(error):
            return False
        for pending in batch:
            pending.outcome = error
        return True

    def _write_alone(self, pending: Pending) -> frozenset[str]:
        for _ in range(3):
            try:
                return self._transaction([pending])
            except Exception as error:
                pending.outcome = error
                if self._is_over(error, [pending]):
                    break
        return frozenset()

    def _transaction(self, batch: list[Pending], *, isolated: bool = False) -> frozenset[str]:
        backend = self.backend
        try:
            tx = backend.begin()
            for op, group in _grouped(batch):
                if op is not None and len(group) > 1:
                    self._apply(tx, op, group, isolated=isolated)
                else:
                    self._apply_one(tx, group[0], isolated=isolated)
            if self.syncing is not None:
                self.syncing.begin()
            backend.commit(tx)
        except BaseException:
            backend.rollback()
            raise
        tx.known.update(tx.learned)
        if self.observe is not None:
            self._events.update(line.type for line in tx.written if isinstance(line, JournalLine))
        return frozenset(tx.topics)

    def _apply(self, tx: Tx, op: Callable[..., Any], group: list[Pending], *, isolated: bool) -> None:
        items = [item for pending in group for item in pending.args[0]]
        mark = self.backend.save(tx) if isolated else None
        try:
            outcomes: Sequence[Any] = op(tx, items)
        except Exception:
            if not isolated:
                raise
            self.backend.undo(tx, mark)
            for pending in group:
                self._apply_one(tx, pending, isolated=True)
            return
        start = 0
        for pending in group:
            stop = start + len(pending.args[0])
            pending.outcome = list(outcomes[start:stop])
            start = stop

    def _apply_one(self, tx: Tx, pending: Pending, *, isolated: bool) -> None:
        mark = self.backend.save(tx) if isolated else None
        tx.wrote = False
        try:
            pending.outcome = pending.op(tx, *pending.args, **pending.kwargs)
        except Exception as error:
            if isolated:
                self.backend.undo(tx, mark)
            elif tx.wrote or not isinstance(error, DomainError):
                raise
            pending.outcome = error


def _grouped(batch: list[Pending]) -> list[tuple[Callable[..., Any] | None, list[Pending]]]:
    """List-taking operations merged by operation, at the place where each first appeared; others alone."""
    groups: list[tuple[Callable[..., Any] | None, list[Pending]]] = []
    merged: dict[Callable[..., Any], list[Pending]] = {}
    for pending in batch:
        if getattr(pending.op, "takes_many", False):
            group = merged.get(pending.op)
            if group is None:
                group = merged[pending.op] = []
                groups.append((pending.op, group))
            group.append(pending)
        else:
            groups.append((None, [pending]))
    return groups


def _is_transient(error: Exception) -> bool:
    """Deadlock, serialisation failure or a race lost (a unique violation: the row was not there a moment ago).

    The same operation done again finds what the other writer wrote, and succeeds or says what is wrong.
    """
    return isinstance(error, Raced) or getattr(error, "sqlstate", None) in {"40P01", "40001", "23505"}


class Publisher:
    """Calls every listener on its event loop with the topics a commit touched."""

    def __init__(self) -> None:
        self.listeners: list[tuple[asyncio.AbstractEventLoop | None, Listener]] = []

    def add(self, listener: Listener) -> None:
        """Listen; on the running loop when there is one, else directly on the committing thread."""
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        self.listeners.append((loop, listener))

    def __call__(self, topics: frozenset[str]) -> None:
        for loop, listener in self.listeners:
            if loop is None:
                listener(topics)
                continue
            try:
                loop.call_soon_threadsafe(listener, topics)
            except RuntimeError:  # that loop is closed
                continue
