"""Triggers: what the settings of a job make of them, in which order, and what is promised to those put off."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
import pytest

from runyard.domain.canonical import canonical
from runyard.domain.errors import Conflict, DomainError, Invalid, JobDisabled, NotFound, PayloadMismatch, RateLimited
from runyard.domain.jobs import NewRun, Rate
from runyard.domain.policy import Policy
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import batches, buffers, creations, debounces, dedup, explain, projects, triggers
from runyard.engine.facts import CreateRequest
from runyard.engine.triggers import Bulk, PutOff, Rehearsal, Trigger, Triggered, TriggerRequest
from runyard.storage.port import Tx
from tests.support.yard import SECOND, Yard, all_runs

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def request(job: str = "job", **said: Any) -> TriggerRequest:
    """A call with one trigger."""
    own = {name: said.pop(name) for name in ("debounce_key", "batch_key") if name in said}
    new = NewRun(**{"payload": "{}", **said})
    return TriggerRequest(project_id=1, job=job, triggers=(Trigger(run=new, **own),), actor="apikey:1")


def ask(yard: Yard, *requests: TriggerRequest) -> list[Any]:
    """What becomes of calls that wait together."""
    return list(yard.store.transact(triggers.trigger, list(requests)))


def trigger(yard: Yard, job: str = "job", **said: Any) -> Any:
    """What becomes of one trigger. Raises what it is refused with."""
    (outcome,) = ask(yard, request(job, **said))
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def triggered(yard: Yard, job: str = "job", **said: Any) -> Run:
    """The run of a trigger that makes one."""
    outcome = trigger(yard, job, **said)
    assert isinstance(outcome, Triggered)
    return outcome.run


def bulk(yard: Yard, *items: dict[str, Any], job: str = "job", dry: frozenset[int] = frozenset()) -> Bulk:
    """What a call for many makes. Raises what it is refused with."""
    asked = tuple(
        Trigger(run=NewRun(**{"payload": "{}", **item}), dry=index in dry) for index, item in enumerate(items)
    )
    call = TriggerRequest(project_id=1, job=job, triggers=asked, bulk=True, actor="apikey:1")
    (outcome,) = ask(yard, call)
    if isinstance(outcome, DomainError):
        raise outcome
    assert isinstance(outcome, Bulk)
    return outcome


def rehearse(yard: Yard, **said: Any) -> Rehearsal:
    return yard.store.look(triggers.rehearse, request(**said))


def count(yard: Yard) -> int:
    return len(yard.store.look(all_runs))


def limit(yard: Yard, **settings: Any) -> None:
    """Give the project these settings."""
    yard.store.transact(projects.ensure_default)
    yard.store.transact(projects.update, 1, settings=settings)


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


# Debounce


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


# Batching


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


# Windows


def test_a_run_outside_of_the_jobs_window_is_put_off_until_it_opens(yard: Yard, clock):
    clock.at = clock.at - clock.at % DAY + 8 * HOUR
    yard.job(window="* 9-17 * * *", ttl=HOUR)
    run = triggered(yard)
    opens = clock.now() + HOUR
    assert (run.state, run.available_at, run.expires_at) == (RunState.SCHEDULED, opens, opens + HOUR)
    reason = yard.store.look(explain.explain, 1, run.id).reasons[0]
    assert (reason.code, reason.until) == ("window", opens)
    yard.after(hours=1)
    assert yard.state(run) is RunState.QUEUED
    assert triggered(yard).state is RunState.QUEUED


def test_a_window_moves_a_later_start_and_leaves_one_inside_alone(yard: Yard, clock):
    clock.at = clock.at - clock.at % DAY
    yard.job(window="* 9-17 * * *", timezone="Asia/Tokyo")
    inside = clock.now() + 2 * HOUR + 123
    assert triggered(yard, available_at=inside).available_at == inside
    assert triggered(yard, available_at=clock.now() + 10 * HOUR).available_at == clock.now() + DAY
    assert yard.create(job="job", available_at=clock.now() + 10 * HOUR).available_at == clock.now() + DAY


def test_a_window_without_zone_is_read_in_that_of_the_project(yard: Yard, clock):
    clock.at = clock.at - clock.at % DAY
    limit(yard, timezone="Asia/Tokyo")
    yard.job(window="0 12 * * *")
    assert triggered(yard).available_at == clock.now() + 3 * HOUR


def test_a_start_beyond_all_calendars_is_refused_where_there_is_a_window(yard: Yard):
    yard.job(window="0 12 * * *")
    with pytest.raises(Invalid, match="window"):
        yard.create(job="job", available_at=253_402_300_799_000_000)
    with pytest.raises(Invalid, match="ten years"):
        trigger(yard, available_at=253_402_300_799_000_000)


def test_a_run_put_off_by_its_window_can_be_paused_and_resumed(yard: Yard, clock):
    clock.at = clock.at - clock.at % DAY
    yard.job(window="* 9-17 * * *")
    run = triggered(yard)
    yard.pause(run)
    assert yard.resume(run).state is RunState.SCHEDULED


# Many at once


def test_a_call_for_many_makes_all_with_a_record(yard: Yard, clock):
    job = yard.job()
    before = triggered(yard, idempotency_key="k")
    made = bulk(yard, {"payload": "1"}, {"idempotency_key": "k"}, {"payload": "2", "priority": 3})
    assert [one.how for one in made.results] == ["created", "key", "created"]
    assert made.results[1].run.id == before.id
    batch = yard.store.look(batches.get, 1, made.batch.id)
    assert batch == made.batch
    assert (batch.job_id, batch.item_count, batch.created_count, batch.created_by) == (job.id, 3, 2, "apikey:1")
    assert (batch.created_at, batch.finished_at) == (clock.now(), clock.now())
    assert [one.run.batch_id for one in made.results] == [batch.id, None, batch.id]
    assert yard.store.look(batches.page, 1) == [batch]
    with pytest.raises(NotFound):
        yard.store.look(batches.get, 2, batch.id)


def test_one_bad_item_of_many_refuses_all_and_is_named(yard: Yard):
    yard.job(payload_schema='{"type":"object"}')
    with pytest.raises(PayloadMismatch, match=r"^items\[1\]: "):
        bulk(yard, {"payload": "{}"}, {"payload": "1"}, {"payload": "{}"})
    assert count(yard) == 0
    assert yard.store.look(batches.page, 1) == []


def test_a_limit_in_the_middle_of_many_refuses_all(yard: Yard):
    yard.job(rate=Rate(max=2, window=HOUR, mode="refuse"))
    with pytest.raises(RateLimited, match=r"items\[2\]"):
        bulk(yard, {}, {}, {})
    assert count(yard) == 0


def test_many_are_five_hundred_at_most(yard: Yard):
    yard.job()
    assert bulk(yard, *[{}] * 500).batch.created_count == 500
    for wrong in (0, 501):
        with pytest.raises(Invalid):
            bulk(yard, *[{}] * wrong)


def test_items_of_many_that_are_only_tried_are_checked_and_not_made(yard: Yard):
    yard.job()
    made = bulk(yard, {"payload": "1"}, {"payload": "2"}, dry=frozenset({0}))
    assert [one.how for one in made.results] == ["dry", "created"]
    assert (made.batch.item_count, made.batch.created_count, count(yard)) == (2, 1, 1)


def test_old_records_of_batches_are_dropped(yard: Yard, clock):
    yard.job()
    bulk(yard, {})
    assert yard.store.transact(batches.prune) == 0
    clock.forward(hours=24 * 91)
    assert yard.store.transact(batches.prune) == 1


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
