"""Looks of several loops at about the same moment as one transaction.

A server that has nothing to do still looks for what is due about once a second, and so does each of its loops. On
PostgreSQL every transaction costs three round trips, which is most of what an idle server does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from runyard.domain.errors import Unavailable
from runyard.storage.port import Tx

P = ParamSpec("P")
R = TypeVar("R")

WINDOW = 0.005
"""Seconds that a look waits for others."""

_Asked = tuple[Callable[[Tx], Any], "asyncio.Future[Any]"]


class LoopStore(Protocol):
    """What a loop needs of a store: looks, and changes."""

    async def read(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the operation on a snapshot."""
        ...

    async def write(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the operation in a transaction; durable when this returns."""
        ...

    def now(self) -> int:
        """The store's clock, in UTC microseconds."""
        ...


class Gathered:
    """A store for loops: what they read at about the same moment is read at once, a few milliseconds later.

    Loops that rest equally long, and got their answers together, ask together again.
    """

    def __init__(self, store: LoopStore) -> None:
        self.store = store
        self._asked: list[_Asked] = []
        self._looking: set[asyncio.Task[None]] = set()

    async def read(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the operation on a snapshot, beside those of others."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._asked.append((lambda tx: op(tx, *args, **kwargs), future))
        if len(self._asked) == 1:
            loop.call_later(WINDOW, self._start)
        return await future

    def _start(self) -> None:
        asked, self._asked = self._asked, []
        task = asyncio.get_running_loop().create_task(self._look(asked))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look(self, asked: list[_Asked]) -> None:
        asked = [one for one in asked if not one[1].done()]
        try:
            found = await self.store.read(_all, [op for op, _ in asked])
        except Exception as error:
            if len(asked) == 1 or isinstance(error, Unavailable):
                for _, future in asked:
                    _refuse(future, error)
            else:
                # One of them failed, and took the others' transaction along.
                for one in asked:
                    await self._look([one])
            return
        for (_, future), value in zip(asked, found, strict=True):
            if not future.done():
                future.set_result(value)

    async def write(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """As the store does it."""
        return await self.store.write(op, *args, **kwargs)

    def now(self) -> int:
        """The store's clock."""
        return self.store.now()


def _all(tx: Tx, ops: list[Callable[[Tx], Any]]) -> list[Any]:
    return [op(tx) for op in ops]


def _refuse(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
