"""Triggers: what the settings of a job make of them, and in which order."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
import pytest

from runyard.domain.canonical import canonical
from runyard.domain.errors import Conflict, Invalid, JobDisabled, NotFound, PayloadMismatch, RateLimited
from runyard.domain.jobs import NewRun, Rate
from runyard.domain.policy import Policy
from runyard.domain.states import RunState
from runyard.engine import creations, triggers
from runyard.engine.facts import CreateRequest
from runyard.engine.triggers import Triggered
from runyard.storage.port import Tx
from tests.support.triggering import DAY, HOUR, MINUTE, ask, count, limit, rehearse, request, trigger, triggered
from tests.support.yard import SECOND, Yard

# What a run takes from its trigger


def test_a_trigger_makes_a_run_with_the_payload_written_in_one_way(yard: Yard):
    job = yard.job(tags={"team": "x"}, metadata={"a": "1", "b": "1"})
    outcome = trigger(yard, payload='{ "b": 1.50, "a": [1, 2e3] }', tags={"env": "y"}, metadata={"b": "2"})
    run = outcome.run
    assert run.payload == '{"a":[1,2e3],"b":1.50}'
    assert outcome.hash == hashlib.sha256(run.payload.encode()).hexdigest()
    assert (run.job_id, run.trigger, run.created_by, run.state) == (job.id, "manual", "apikey:1", RunState.QUEUED)
    assert msgspec.json.decode(run.tags or "") == {"team": "x", "env": "y"}
    assert msgspec.json.decode(run.metadata or "") == {"a": "1", "b": "2"}
    assert yard.run(run) == run


def test_odd_json_keeps_its_meaning_when_it_is_written_in_one_way():
    assert canonical('{"é":"\\u00e9","a":12345678901234567890123}') == '{"a":12345678901234567890123,"é":"é"}'
    assert canonical(" [ 1e400 , -0.0 ] ") == "[1e400,-0.0]"
    assert canonical('"\\ud800"') == '"\\ud800"'
    assert canonical('{"a":1,"a":2}') == '{"a":2}'


def test_the_dependency_key_of_the_payload_is_the_runs(yard: Yard):
    yard.job()
    run = triggered(yard, payload='{"dependency_key":"k"}')
    assert run.dependency_key == "k"
    assert msgspec.json.decode(run.metadata or "") == {"dependency_key": "k"}
    for odd in ('{"dependency_key":1}', '{"a":{"dependency_key":"k"}}', '["dependency_key"]', '{"dependency_key":""}'):
        assert triggered(yard, payload=odd).dependency_key is None


def test_a_run_expires_by_the_first_time_to_live_there_is(yard: Yard, clock):
    yard.job(ttl=MINUTE)
    yard.job("timed", policy=Policy(timeout=10 * SECOND))
    now = clock.now()
    assert triggered(yard, ttl=SECOND, spare=MINUTE).expires_at == now + SECOND
    assert triggered(yard, spare=MINUTE).expires_at == now + MINUTE
    assert triggered(yard, "timed", spare=MINUTE).expires_at == now + 70 * SECOND
    assert triggered(yard, "timed").expires_at is None


def test_the_time_to_live_of_a_run_for_later_counts_from_then(yard: Yard, clock):
    yard.job(ttl=MINUTE)
    later = clock.now() + DAY
    run = triggered(yard, available_at=later)
    assert (run.state, run.expires_at) == (RunState.SCHEDULED, later + MINUTE)
    assert triggered(yard, available_at=clock.now() - DAY).state is RunState.QUEUED


# The order of what refuses and answers


def test_unknown_and_disabled_jobs_take_no_triggers(yard: Yard):
    with pytest.raises(NotFound):
        trigger(yard, "missing")
    yard.job(enabled=False)
    with pytest.raises(JobDisabled):
        trigger(yard)


def test_a_payload_that_does_not_match_is_refused_before_its_key_is_looked_at(yard: Yard):
    yard.job(payload_schema='{"type":"object","required":["n"]}')
    trigger(yard, payload='{"n":1}', idempotency_key="k")
    with pytest.raises(PayloadMismatch):
        trigger(yard, payload="{}", idempotency_key="k")


def test_an_idempotency_hit_comes_before_quotas_and_limits(yard: Yard):
    yard.job(rate=Rate(max=1, window=HOUR, mode="refuse"))
    limit(yard, max_queued=1)
    run = triggered(yard, idempotency_key="k")
    hit = trigger(yard, idempotency_key="k")
    assert (hit.run.id, hit.how) == (run.id, "key")
    with pytest.raises(RateLimited, match="quota"):
        trigger(yard)


def test_an_idempotency_key_is_free_a_day_after_its_run_ended(yard: Yard, clock):
    yard.job()
    run = triggered(yard, idempotency_key="k")
    yard.cancel(run)
    clock.forward(hours=23.9)
    assert trigger(yard, idempotency_key="k").how == "key"
    clock.forward(hours=0.2)
    assert trigger(yard, idempotency_key="k").how == "created"


def test_a_quota_of_queued_runs_refuses_the_next(yard: Yard):
    yard.job()
    limit(yard, max_queued=2)
    outcomes = ask(yard, request(), request(), request())
    assert [type(one).__name__ for one in outcomes] == ["Triggered", "Triggered", "RateLimited"]
    with pytest.raises(RateLimited, match="2 queued runs"):
        yard.create()
    yard.claim_one()
    assert triggered(yard).state is RunState.QUEUED


def test_a_key_that_another_project_just_used_is_no_way_around_a_quota(yard: Yard):
    limit(yard, max_queued=0)
    asked = [CreateRequest(project_id=number, runs=(NewRun(idempotency_key="k"),)) for number in (2, 1)]
    made, refused = yard.store.transact(creations.create, asked)
    assert isinstance(made, list)
    assert isinstance(refused, RateLimited)


def test_a_quota_of_running_runs_refuses_while_so_many_are_held(yard: Yard):
    yard.job()
    limit(yard, max_running=1)
    triggered(yard)
    granted = yard.claim_one()
    with pytest.raises(RateLimited, match="at work"):
        trigger(yard)
    yard.start(granted)
    yard.complete(granted)
    triggered(yard)


def spend(yard: Yard, cost: int) -> None:
    """Have a run of the project cost so much now."""

    def write(tx: Tx) -> None:
        counts = "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens"
        tx.run(
            f"INSERT INTO usage (id, project_id, run_id, attempt, at, model, {counts}, cost_micro_usd, source) "
            "VALUES (:id, 1, 'r', 1, :at, 'm', 0, 0, 0, 0, 0, :cost, 'reported')",
            id=tx.new_id(),
            at=tx.now,
            cost=cost,
        )

    yard.store.transact(write)


def test_a_daily_budget_refuses_until_the_projects_midnight(yard: Yard, clock):
    yard.job()
    limit(yard, daily_cost=1000, timezone="Asia/Tokyo")
    clock.at = clock.at - clock.at % DAY + 12 * HOUR
    spend(yard, 999)
    triggered(yard)
    clock.forward(minutes=30)
    spend(yard, 1)
    with pytest.raises(RateLimited, match="of the day") as refused:
        trigger(yard)
    assert refused.value.retry_after == 2.5 * 3600
    clock.forward(hours=2.5)
    triggered(yard)


def test_what_was_spent_is_added_up_once(yard: Yard, clock):
    yard.job()
    limit(yard, daily_cost=1000)
    clock.at = clock.at - clock.at % DAY + HOUR
    for _ in range(5):
        spend(yard, 100)
        triggered(yard)
        clock.forward(minutes=7)
    spend(yard, 499)
    triggered(yard)
    spend(yard, 1)
    with pytest.raises(RateLimited):
        trigger(yard)


def test_a_rate_limit_refuses_within_its_trailing_window(yard: Yard, clock):
    yard.job(rate=Rate(max=2, window=HOUR, mode="refuse"))
    outcomes = ask(yard, request(), request(), request())
    assert [isinstance(one, RateLimited) for one in outcomes] == [False, False, True]
    clock.forward(hours=1, seconds=1)
    triggered(yard)


@pytest.mark.parametrize("limited", ["job", "project"])
def test_two_servers_let_through_no_more_than_a_limit_says(two_servers, clock, limited):
    first, _ = two_servers
    yard = Yard(first, clock)
    if limited == "job":
        yard.job(rate=Rate(max=10, window=HOUR, mode="refuse"))
    else:
        yard.job()
        limit(yard, max_queued=10)

    async def all_at_once() -> list[Any]:
        asked = [two_servers[n % 2].write(triggers.trigger, [request(payload=str(n))]) for n in range(200)]
        return [outcome for (outcome,) in await asyncio.gather(*asked)]

    outcomes = asyncio.run(all_at_once())
    assert sum(isinstance(outcome, Triggered) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 190


def test_repetitions_of_a_key_in_one_batch_take_one_place(yard: Yard):
    yard.job(rate=Rate(max=1, window=HOUR, mode="refuse"))
    outcomes = ask(yard, *[request(idempotency_key="k")] * 3)
    assert [one.how for one in outcomes] == ["created", "key", "key"]


# Trying


def test_a_trigger_can_be_tried_without_making_anything(yard: Yard, clock):
    job = yard.job(ttl=MINUTE)
    tried = rehearse(yard, payload='{ "a": 1 }', available_at=clock.now() + HOUR)
    assert (tried.job, tried.run.payload, tried.warnings) == (job, '{"a":1}', [])
    assert tried.hash == hashlib.sha256(b'{"a":1}').hexdigest()
    assert (tried.run.available_at, tried.run.expires_at) == (clock.now() + HOUR, clock.now() + HOUR + MINUTE)
    assert count(yard) == 0


def test_trying_tells_what_would_become_of_the_trigger(yard: Yard):
    yard.job(dedup_window=HOUR)
    first = triggered(yard, idempotency_key="k")
    assert rehearse(yard, idempotency_key="k").warnings == [f"the idempotency key has its run already: {first.id}"]
    assert rehearse(yard).warnings == [f"an equal payload has its run already: {first.id}"]
    yard.job(dedup_window=None, debounce_window=SECOND)
    assert rehearse(yard).warnings == ["the trigger would be debounced"]


def test_trying_tells_of_a_key_that_is_used_where_nothing_is_limited(yard: Yard):
    yard.job()
    first = triggered(yard, idempotency_key="k")
    assert rehearse(yard, idempotency_key="k").warnings == [f"the idempotency key has its run already: {first.id}"]
    assert rehearse(yard, idempotency_key="l").warnings == []


def test_trying_is_refused_by_limits_as_a_wrong_request(yard: Yard):
    yard.job(rate=Rate(max=1, window=HOUR, mode="refuse"))
    triggered(yard)
    with pytest.raises(Invalid, match="takes 1 runs"):
        rehearse(yard)
    yard.job(enabled=False)
    with pytest.raises(Conflict):
        rehearse(yard)
