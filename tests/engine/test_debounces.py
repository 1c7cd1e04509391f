"""Debounced triggers: of those with one key the last makes the run."""

from __future__ import annotations

import asyncio

from runyard.domain.jobs import Rate
from runyard.engine import debounces
from runyard.engine.triggers import PutOff
from tests.support.triggering import HOUR, ask, count, limit, request, trigger
from tests.support.yard import SECOND, Yard, all_runs


def test_of_triggers_with_one_key_the_last_makes_the_run(yard: Yard, clock):
    yard.job(debounce_window=10 * SECOND)
    first = trigger(yard, payload="1", debounce_key="k", tags={"n": "1"})
    assert first == PutOff(fire_at=clock.now() + 10 * SECOND)
    clock.forward(seconds=9)
    assert trigger(yard, payload="2", debounce_key="k", priority=7).fire_at == clock.now() + 10 * SECOND
    trigger(yard, payload="3", debounce_key="other")
    clock.forward(seconds=9)
    assert (yard.store.transact(debounces.fire), count(yard)) == (0, 0)
    clock.forward(seconds=1)
    assert yard.store.transact(debounces.fire) == 2
    runs = {run.payload: run for run in yard.store.look(all_runs)}
    assert sorted(runs) == ["2", "3"]
    made = runs["2"]
    assert (made.trigger, made.priority, made.tags, made.created_by) == ("debounce", 7, None, "apikey:1")
    assert yard.store.transact(debounces.fire) == 0


def test_triggers_with_one_key_that_come_together_are_one(yard: Yard, clock):
    yard.job(debounce_window=SECOND)
    ask(yard, *[request(payload=str(n)) for n in range(5)])
    clock.forward(seconds=1)
    yard.store.transact(debounces.fire)
    assert [run.payload for run in yard.store.look(all_runs)] == ["4"]


def test_what_was_debounced_makes_its_run_whatever_limits_there_are_by_then(yard: Yard, clock):
    yard.job(debounce_window=SECOND)
    trigger(yard, payload='"x"')
    yard.job(enabled=False, payload_schema='{"type":"object"}', rate=Rate(max=1, window=HOUR, mode="refuse"))
    limit(yard, max_queued=0)
    clock.forward(seconds=1)
    yard.store.transact(debounces.fire)
    assert count(yard) == 1


def test_a_debounced_trigger_with_a_key_that_has_its_run_is_answered_with_it(yard: Yard, clock):
    yard.job(debounce_window=SECOND)
    trigger(yard, idempotency_key="k")
    clock.forward(seconds=1)
    yard.store.transact(debounces.fire)
    assert trigger(yard, idempotency_key="k").how == "key"


def test_two_servers_let_a_debounced_trigger_through_once(two_servers, clock):
    first, _ = two_servers
    yard = Yard(first, clock)
    yard.job(debounce_window=SECOND)
    for n in range(20):
        trigger(yard, payload=str(n), debounce_key=f"k{n}")
    clock.forward(seconds=1)

    async def fire() -> None:
        await asyncio.gather(*(store.write(debounces.fire, 7) for store in two_servers for _ in range(6)))

    asyncio.run(fire())
    while first.transact(debounces.fire):
        pass
    assert sorted(int(run.payload) for run in first.look(all_runs)) == list(range(20))
