"""Batched triggers: gathered until there are enough of them, or for a window of time."""

from __future__ import annotations

import asyncio

import msgspec

from runyard.engine import buffers, triggers
from runyard.engine.triggers import PutOff, Triggered
from tests.support.triggering import MINUTE, ask, count, request, trigger, triggered
from tests.support.yard import SECOND, Yard, all_runs


def test_a_full_buffer_makes_one_run_of_all_its_triggers(yard: Yard):
    yard.job(batch_window=MINUTE, batch_max=3)
    assert trigger(yard, payload='{"b":1, "a":2}', tags={"x": "1"}, priority=2) == PutOff(fire_at=None)
    assert trigger(yard, payload="2", metadata={"m": "1"}) == PutOff(fire_at=None)
    flushed = trigger(yard, payload="3", tags={"y": "2"}, priority=1)
    run = flushed.run
    assert (flushed.how, run.trigger, run.payload) == ("batch", "batch", '{"items":[{"a":2,"b":1},2,3]}')
    assert msgspec.json.decode(run.tags or "") == {"x": "1", "y": "2"}
    assert (run.priority, run.metadata) == (2, '{"m":"1"}')
    assert count(yard) == 1
    assert yard.store.look(buffers.next_due) is None


def test_a_buffer_is_flushed_when_its_oldest_trigger_is_a_window_old(yard: Yard, clock):
    yard.job(batch_window=MINUTE, batch_max=10)
    trigger(yard, payload="1", batch_key="k")
    clock.forward(seconds=59)
    trigger(yard, payload="2", batch_key="k")
    trigger(yard, payload="3", batch_key="other")
    assert yard.store.transact(buffers.flush) == 0
    clock.forward(seconds=1)
    assert yard.store.transact(buffers.flush) == 1
    assert [run.payload for run in yard.store.look(all_runs)] == ['{"items":[1,2]}']
    assert yard.store.look(buffers.next_due) == clock.now() + 59 * SECOND


def test_triggers_that_come_together_fill_as_many_buffers_as_they_are_for(yard: Yard):
    yard.job(batch_window=MINUTE, batch_max=3)
    trigger(yard, payload="0")
    outcomes = ask(yard, *[request(payload=str(n)) for n in range(1, 9)])
    made = [one.run.payload for one in outcomes if isinstance(one, Triggered)]
    assert made == ['{"items":[0,1,2]}', '{"items":[3,4,5]}', '{"items":[6,7,8]}']
    assert [index for index, one in enumerate(outcomes) if isinstance(one, Triggered)] == [1, 4, 7]
    assert yard.store.look(buffers.next_due) is None
    outcomes = ask(yard, *[request(payload=str(n)) for n in range(4)])
    assert [type(one).__name__ for one in outcomes] == ["PutOff", "PutOff", "Triggered", "PutOff"]
    assert yard.store.look(buffers.next_due) is not None


def test_a_repeated_trigger_with_a_key_is_gathered_once_and_answered_with_the_run(yard: Yard):
    yard.job(batch_window=MINUTE, batch_max=2)
    for _ in range(3):
        assert trigger(yard, payload="1", idempotency_key="k") == PutOff(fire_at=None)
    run = triggered(yard, payload="2", idempotency_key="l")
    assert run.payload == '{"items":[1,2]}'
    for key in "kl":
        hit = trigger(yard, payload="1", idempotency_key=key)
        assert (hit.run.id, hit.how) == (run.id, "key")


def test_two_servers_lose_and_repeat_nothing_of_a_buffer(two_servers, clock):
    first, _ = two_servers
    yard = Yard(first, clock)
    yard.job(batch_window=MINUTE, batch_max=7)

    async def all_at_once() -> None:
        asked = [two_servers[n % 2].write(triggers.trigger, [request(payload=str(n))]) for n in range(100)]
        await asyncio.gather(*asked)

    asyncio.run(all_at_once())
    clock.forward(minutes=1)
    while first.transact(buffers.flush):
        pass
    items = [item for run in first.look(all_runs) for item in msgspec.json.decode(run.payload)["items"]]
    assert sorted(items) == list(range(100))
    assert all(len(msgspec.json.decode(run.payload)["items"]) <= 7 for run in first.look(all_runs))
