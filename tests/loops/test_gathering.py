"""Loops that look at about the same moment look in one transaction, and each gets its own answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runyard.domain.errors import Unavailable
from runyard.loops.gathering import Gathered
from runyard.storage.port import Tx
from tests.support.stores import AnyStore


def number(tx: Tx, value: int, *, more: int = 0) -> tuple[int, int]:
    return tx.rows("SELECT CAST(:value AS bigint)", value=value)[0][0] + more, id(tx)


def broken(tx: Tx) -> None:
    tx.rows("SELECT nothing FROM nowhere")


async def all_of(*reads: Any) -> list[Any]:
    return await asyncio.gather(*reads, return_exceptions=True)


def test_reads_at_one_moment_share_a_transaction(store: AnyStore):
    async def work() -> list[Any]:
        together = Gathered(store)
        return [await all_of(*(together.read(number, n, more=1) for n in range(5))), await together.read(number, 9)]

    shared, alone = asyncio.run(work())
    assert [value for value, _ in shared] == [1, 2, 3, 4, 5]
    assert len({tx for _, tx in shared}) == 1
    assert alone[0] == 9


def test_one_that_fails_harms_no_other(store: AnyStore):
    async def work() -> list[Any]:
        together = Gathered(store)
        return await all_of(together.read(number, 1), together.read(broken), together.read(number, 3))

    first, second, third = asyncio.run(work())
    assert isinstance(second, store.raises)
    assert (first[0], third[0]) == (1, 3)


def test_one_that_is_not_waited_for_is_passed_over(store: AnyStore):
    async def work() -> Any:
        together = Gathered(store)
        given_up = asyncio.ensure_future(together.read(broken))
        kept = asyncio.ensure_future(together.read(number, 2))
        await asyncio.sleep(0)
        given_up.cancel()
        return await kept

    assert asyncio.run(work())[0] == 2


def test_a_store_that_cannot_be_reached_is_asked_once_for_all(store: AnyStore, monkeypatch: pytest.MonkeyPatch):
    asked: list[object] = []

    async def refuse(op: object, *args: object) -> None:
        asked.append(op)
        raise Unavailable("away")

    async def work() -> list[Any]:
        together = Gathered(store)
        return await all_of(together.read(number, 1), together.read(number, 2))

    monkeypatch.setattr(store, "read", refuse)
    assert [type(one) for one in asyncio.run(work())] == [Unavailable, Unavailable]
    assert len(asked) == 1


def test_changes_and_the_time_are_the_stores_own(store: AnyStore):
    together = Gathered(store)
    assert asyncio.run(together.write(number, 5))[0] == 5
    assert together.now() == store.now()
