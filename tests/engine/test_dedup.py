"""Equal payloads of a job: one run for a while."""

from __future__ import annotations

import asyncio
from typing import Any

from runyard.domain.jobs import NewRun
from runyard.engine import dedup, triggers
from tests.support.triggering import MINUTE, ask, request, trigger, triggered
from tests.support.yard import Yard, all_runs


def test_an_equal_payload_is_answered_with_its_run_for_a_while(yard: Yard, clock):
    yard.job(dedup_window=MINUTE)
    first = triggered(yard, payload='{"a":1,"b":2}')
    again = trigger(yard, payload='{"b": 2, "a": 1}')
    assert (again.run.id, again.how) == (first.id, "payload")
    assert trigger(yard, payload='{"a":2}').how == "created"
    yard.cancel(first)
    assert trigger(yard, payload='{"a":1,"b":2}').run.id == first.id
    clock.forward(seconds=60)
    assert trigger(yard, payload='{"a":1,"b":2}').how == "created"


def test_equal_payloads_that_come_together_make_one_run(yard: Yard):
    yard.job(dedup_window=MINUTE)
    outcomes = ask(yard, *[request(idempotency_key=f"k{n}") for n in range(3)])
    assert [one.how for one in outcomes] == ["created", "payload", "payload"]
    assert len({one.run.id for one in outcomes}) == 1
    # The keys of the repetitions name no run that was never made.
    hows = [trigger(yard, payload=f'"{n}"', idempotency_key=f"k{n}").how for n in range(3)]
    assert hows == ["key", "created", "created"]


def test_dedup_holds_for_runs_made_without_a_trigger_as_well(yard: Yard):
    yard.job(dedup_window=MINUTE)
    (first,) = yard.ask(NewRun(job="job", payload='{"a": 1}'))
    (second,) = yard.ask(NewRun(job="job", payload='{"a":1}'))
    assert (second.run.id, second.duplicate, second.by_payload) == (first.run.id, True, True)
    assert trigger(yard, payload='{"a":1}').run.id == first.run.id


def test_payloads_are_forgotten_when_their_time_is_over(yard: Yard, clock):
    yard.job(dedup_window=MINUTE)
    triggered(yard)
    assert yard.store.transact(dedup.prune) == 0
    clock.forward(minutes=2)
    assert yard.store.transact(dedup.prune) == 1


def test_two_servers_make_one_run_of_equal_payloads_and_of_one_key(two_servers, clock):
    first, _ = two_servers
    yard = Yard(first, clock)
    yard.job(dedup_window=MINUTE)
    yard.job("keyed")

    async def all_at_once() -> list[Any]:
        asked = [two_servers[n % 2].write(triggers.trigger, [request()]) for n in range(40)]
        asked += [
            two_servers[n % 2].write(triggers.trigger, [request("keyed", idempotency_key="k")]) for n in range(40)
        ]
        return [outcome for (outcome,) in await asyncio.gather(*asked)]

    hows = [outcome.how for outcome in asyncio.run(all_at_once())]
    assert (hows[:40].count("created"), hows[:40].count("payload")) == (1, 39)
    assert (hows[40:].count("created"), hows[40:].count("key")) == (1, 39)
    assert len(first.look(all_runs)) == 2
