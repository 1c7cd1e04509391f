"""Replays and retries: a new run linked to an ended one, which stays as it is."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import Conflict, IllegalMove, Invalid, NotFound, PayloadMismatch
from runyard.domain.policy import Policy
from runyard.domain.states import ENDED, RunState
from runyard.engine import jobs
from tests.support.yard import SECOND, Yard

REPLAYABLE = sorted(ENDED | {RunState.NEEDS_ATTENTION})


@pytest.mark.parametrize("state", REPLAYABLE)
def test_an_ended_run_is_replayed_as_a_new_run(yard: Yard, clock, state: RunState):
    old = yard.in_state(state)
    clock.forward(seconds=5)
    fresh = yard.replay(old, actor="key:abc")
    assert (fresh.state, fresh.replay_of, fresh.retry_of, fresh.trigger) == (RunState.QUEUED, old.id, None, "replay")
    assert (fresh.attempt, fresh.epoch, fresh.queued_at, fresh.created_by) == (1, 0, clock.now(), "key:abc")
    assert (fresh.error, fresh.output, fresh.finished_at, fresh.worker) == (None, None, None, None)
    assert msgspec.structs.replace(yard.run(old)) == old
    assert yard.story(old)[-1] == "replayed"
    assert yard.last(old) == {"new_run_id": fresh.id}
    assert yard.story(fresh) == ["created"]
    assert yard.claim_one().run.id == fresh.id


@pytest.mark.parametrize("state", sorted(set(RunState) - set(REPLAYABLE)))
def test_a_live_run_is_not_replayed(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(IllegalMove):
        yard.replay(run)


@pytest.mark.parametrize("state", sorted(set(RunState) - ENDED))
def test_a_live_run_is_not_retried(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(IllegalMove):
        yard.retry(run)


def test_a_replay_is_defined_like_the_run_it_replays(yard: Yard):
    yard.job(max_concurrency=5, policy=Policy(max_attempts=4))
    old = yard.buried(
        job="job",
        payload='{"n": 1}',
        priority=7,
        tags={"team": "x"},
        metadata={"a": 1},
        concurrency_key="k",
        max_per_key=3,
        policy={"timeout": SECOND},
    )
    fresh = yard.replay(old)
    same = (
        "payload", "priority", "tags", "metadata", "policy", "job_id", "job_version", "queue", "executor", "class_id",
        "concurrency_key", "job_lane", "key_lane",
    )  # fmt: skip
    assert {name: getattr(fresh, name) for name in same} == {name: getattr(old, name) for name in same}
    rows = yard.store.look(lambda tx: tx.rows("SELECT tag, value FROM run_tags WHERE run_id = :id", id=fresh.id))
    assert [tuple(row) for row in rows] == [("team", "x")]


def test_a_replay_takes_over_no_key_parent_or_time(yard: Yard, clock):
    parent = yard.create()
    run = yard.create(parent_id=parent.id, idempotency_key="k", batch_id="b", priority=9, ttl=60 * SECOND)
    yard.fail(yard.claim_one(), retryable=False)
    clock.forward(hours=1)
    fresh = yard.replay(run)
    assert (fresh.parent_id, fresh.idempotency_key, fresh.batch_id, fresh.depth) == (None, None, None, 0)
    assert fresh.expires_at == clock.now() + 60 * SECOND


def test_a_replay_may_have_another_payload(yard: Yard):
    old = yard.buried(payload='{"n": 1}')
    fresh = yard.replay(old, payload='{"n": 2}')
    assert (fresh.payload, yard.run(old).payload) == ('{"n": 2}', '{"n": 1}')


def test_an_edited_payload_must_match_the_schema_of_the_job(yard: Yard):
    yard.job(payload_schema='{"type": "integer"}')
    old = yard.buried(job="job", payload="1")
    with pytest.raises(PayloadMismatch):
        yard.replay(old, payload='"text"')
    assert yard.replay(old, payload="2").payload == "2"


def test_a_replay_that_succeeds_resolves_what_it_replayed(yard: Yard, clock):
    old = yard.buried()
    fresh = yard.replay(old)
    assert yard.run(old).resolved_at is None
    clock.forward(seconds=5)
    yard.complete(yard.claim_one())
    resolved = yard.run(old)
    assert (resolved.state, resolved.resolved_at) == (RunState.DEAD_LETTER, clock.now())
    assert msgspec.json.decode(resolved.resolution or "") == {"kind": "replayed", "run_id": fresh.id}
    assert yard.story(old)[-2:] == ["replayed", "resolved"]


def test_a_replay_of_a_replay_resolves_the_whole_line(yard: Yard):
    first = yard.buried()
    second = yard.replay(first)
    yard.fail(yard.claim_one(), retryable=False)
    third = yard.replay(second)
    yard.complete(yard.claim_one())
    for run in (first, second):
        resolution = msgspec.json.decode(yard.run(run).resolution or "")
        assert resolution == {"kind": "replayed", "run_id": third.id}


def test_a_replay_that_fails_resolves_nothing(yard: Yard):
    old = yard.buried()
    yard.replay(old)
    yard.fail(yard.claim_one(), retryable=False)
    assert yard.run(old).resolved_at is None


def test_a_replay_that_succeeds_leaves_an_earlier_judgement(yard: Yard):
    old = yard.buried()
    yard.replay(old)
    judged = yard.resolve(old, reason="known")
    yard.complete(yard.claim_one())
    assert yard.run(old) == judged


def test_a_replay_of_a_success_resolves_nothing(yard: Yard):
    old = yard.running()
    yard.complete(old)
    yard.replay(old)
    yard.complete(yard.claim_one())
    assert yard.run(old).resolved_at is None


def test_a_retry_is_a_new_run_linked_as_such(yard: Yard):
    old = yard.buried(payload='{"n": 1}')
    fresh = yard.retry(old, actor="key:abc")
    assert (fresh.retry_of, fresh.replay_of, fresh.trigger, fresh.payload) == (old.id, None, "retry", '{"n": 1}')
    assert yard.story(old)[-1] == "retried"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ('{"n": 1, "config": {"model": "small", "deep": {"a": 1}}}',
         {"n": 1, "config": {"model": "large", "deep": {"b": 2}}}),
        ('{"n": 1}', {"n": 1, "config": {"model": "large", "deep": {"b": 2}}}),
        ("null", {"config": {"model": "large", "deep": {"b": 2}}}),
    ],
)  # fmt: skip
def test_a_retry_may_override_its_config_for_this_once(yard: Yard, payload: str, expected: dict[str, object]):
    old = yard.buried(payload=payload)
    fresh = yard.retry(old, config={"model": "large", "deep": {"b": 2}})
    assert msgspec.json.decode(fresh.payload) == expected
    assert yard.run(old).payload == payload


@pytest.mark.parametrize("payload", ['"text"', "[1]", '{"config": 5}'])
def test_a_config_override_needs_a_payload_that_can_take_it(yard: Yard, payload: str):
    old = yard.buried(payload=payload)
    with pytest.raises(Invalid):
        yard.retry(old, config={"model": "large"})
    assert yard.retry(old).payload == payload


def test_a_retry_that_succeeds_does_not_resolve(yard: Yard):
    old = yard.buried()
    yard.retry(old)
    yard.complete(yard.claim_one())
    assert yard.run(old).resolved_at is None


def test_only_runs_of_the_project_are_replayed(yard: Yard, store, clock):
    old = yard.buried()
    stranger = Yard(store, clock, project_id=2)
    for verb in (stranger.replay, stranger.retry):
        with pytest.raises(NotFound):
            verb(old)


def test_a_disabled_job_takes_no_replays(yard: Yard):
    yard.job()
    old = yard.buried(job="job")
    yard.job(enabled=False)
    for verb in (yard.replay, yard.retry):
        with pytest.raises(Conflict, match="disabled"):
            verb(old)


def test_a_run_whose_job_is_gone_can_still_be_replayed(yard: Yard):
    yard.job(max_concurrency=1, payload_schema='{"type": "integer"}')
    old = yard.buried(job="job", payload="1")
    yard.store.transact(jobs.delete, 1, "job")
    assert yard.replay(old, payload='"text"').job_name == "job"
    yard.complete(yard.claim_one())


def test_two_replays_are_two_runs(yard: Yard):
    old = yard.buried(idempotency_key="k")
    assert yard.replay(old).id != yard.replay(old).id
    assert len(yard.claim(10)) == 2
