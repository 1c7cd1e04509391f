"""Whoever waits for a topic is woken, once and in time."""

from __future__ import annotations

import asyncio

import pytest

from runyard.streams.hub import Hub

pytestmark = pytest.mark.anyio


async def test_everybody_who_waits_for_a_topic_is_woken() -> None:
    hub = Hub()
    waiting = [asyncio.ensure_future(hub.wait({"run:1", f"own:{n}"}, 5)) for n in range(3)]
    other = asyncio.ensure_future(hub.wait(["run:2"], 0.02))
    await asyncio.sleep(0)
    hub.publish(frozenset({"run:1"}))
    assert await asyncio.gather(*waiting) == [True, True, True]
    assert await other is False


async def test_a_wake_up_between_check_and_wait_is_not_lost() -> None:
    hub = Hub()
    with hub.waiter({"run:1"}) as waiter:
        hub.publish({"run:1"})
        assert await waiter.wait(0) is True
        assert await waiter.wait(0) is False


async def test_a_wake_up_before_a_check_that_saw_it_may_be_forgotten() -> None:
    hub = Hub()
    with hub.waiter({"run:1"}) as waiter:
        hub.publish({"run:1"})
        waiter.reset()
        assert await waiter.wait(0) is False


async def test_a_break_in_listening_wakes_everybody() -> None:
    hub = Hub()
    with hub.waiter({"run:1"}) as waiter:
        hub.publish({"*"})
        assert await waiter.wait(0) is True


async def test_nothing_is_kept_of_those_who_left() -> None:
    hub = Hub()
    await hub.wait({"run:1"}, 0)
    assert hub._waiters == {}


async def test_a_closed_hub_lets_everybody_go() -> None:
    hub = Hub()
    waiting = asyncio.ensure_future(hub.wait({"run:1"}, 5))
    await asyncio.sleep(0)
    hub.close()
    assert await waiting is True
    with hub.waiter({"run:1"}) as waiter:
        assert await waiter.wait(5) is False


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    hub = Hub()
    waiting = asyncio.ensure_future(hub.wait({"run:1"}, 5))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert hub._waiters == {}
