"""Claiming: who gets which run, in which order, and never two the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runyard.domain.jobs import NewRun
from runyard.domain.policy import HOUR
from runyard.domain.states import RunState
from runyard.engine import claims, creations, proofs
from runyard.storage.port import Tx
from tests.support.yard import SECOND, Yard


def payloads(granted: list[claims.Granted]) -> list[str]:
    return [one.run.payload for one in granted]


def test_a_claimed_run_is_handed_out_once_with_a_lease(yard: Yard, clock):
    run = yard.create(payload='{"n": 1}')
    granted = yard.claim_one(worker="w1", actor="key:abc")
    assert (granted.run.id, granted.run.state, granted.run.payload) == (run.id, RunState.CLAIMED, '{"n": 1}')
    assert (granted.run.worker, granted.run.epoch, granted.run.claimed_at) == ("w1", 1, clock.now())
    assert granted.lease.until == granted.run.lease_until == clock.now() + run.policy.lease
    assert yard.claim() == []


def test_only_the_hash_of_a_token_is_stored(yard: Yard):
    granted = yard.claimed()
    assert granted.lease.token not in str(yard.run(granted))
    assert yard.run(granted).lease_hash == proofs.token_hash(granted.lease.token)


def test_a_claim_opens_an_attempt_and_says_who_took_it(yard: Yard):
    run = yard.create()
    yard.claim_one(worker="w1", actor="key:abc")
    (attempt,) = yard.attempts(run)
    assert (attempt.epoch, attempt.attempt, attempt.worker, attempt.executor) == (1, 1, "w1", "worker")
    assert (attempt.ended_at, attempt.outcome) == (None, None)
    assert yard.events(run)[-1].actor == "key:abc"
    assert yard.last(run) == {"from": "queued", "to": "claimed", "attempt": 1, "worker": "w1"}


def test_nothing_to_do_is_an_empty_answer(yard: Yard):
    assert yard.claim(10) == []


def test_runs_are_claimed_by_priority_and_then_in_the_order_they_were_queued(yard: Yard, clock):
    for payload, priority in [("low", 2), ("first", 5), ("high", 8), ("second", 5)]:
        yard.create(payload=f'"{payload}"', priority=priority)
        clock.forward(micros=1)
    assert payloads(yard.claim(10)) == ['"high"', '"first"', '"second"', '"low"']


def test_runs_queued_at_the_same_instant_are_claimed_by_id(yard: Yard):
    made = yard.create_many(20)
    assert [granted.run.id for granted in yard.claim(20)] == [run.id for run in made]


def test_a_claim_takes_no_more_than_it_asks_for(yard: Yard):
    yard.create_many(5)
    assert [len(yard.claim(2)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_promoted_run_stands_where_its_time_puts_it(yard: Yard, clock):
    yard.create(payload='"planned"', available_at=clock.now() + 5 * SECOND)
    clock.forward(seconds=6)
    yard.create(payload='"asked"')
    yard.tick()
    assert payloads(yard.claim(2)) == ['"planned"', '"asked"']


def test_a_caller_gets_runs_of_its_queues_only(yard: Yard):
    for queue in ("a", "b", "c"):
        yard.create(payload=f'"{queue}"', queue=queue)
    assert payloads(yard.claim(10, queues=("b",))) == ['"b"']
    assert payloads(yard.claim(10, queues=("a", "c", "nowhere"))) == ['"a"', '"c"']


def test_several_queues_are_merged_in_claim_order(yard: Yard, clock):
    for number in range(12):
        yard.create(payload=str(number), queue="abc"[number % 3], priority=number % 2)
        clock.forward(micros=1)
    expected = [str(n) for n in range(1, 12, 2)] + [str(n) for n in range(0, 12, 2)]
    assert payloads(yard.claim(7)) + payloads(yard.claim(7)) == expected


def test_a_caller_gets_runs_of_its_jobs_only(yard: Yard):
    yard.job("review")
    yard.job("deploy")
    yard.create(job="review")
    yard.create(job="deploy")
    yard.create()
    assert [granted.run.job_name for granted in yard.claim(10, jobs=("review",))] == ["review"]
    assert [granted.run.job_name for granted in yard.claim(10, jobs=("nothing",))] == []
    assert [granted.run.job_name for granted in yard.claim(10)] == ["deploy", None]


def test_a_caller_gets_runs_of_its_executor_kind_only(yard: Yard):
    yard.create(executor="robot")
    assert yard.claim() == []
    assert yard.claim_one(executor="robot").run.executor == "robot"


def test_a_run_goes_only_to_those_who_offer_all_that_it_requires(yard: Yard):
    yard.create(requires=("gpu", "git"))
    assert yard.claim() == []
    assert yard.claim(capabilities=frozenset({"gpu"})) == []
    assert yard.claim_one(capabilities=frozenset({"git", "gpu", "python"})).run.requires == '["gpu","git"]'


def test_those_who_offer_much_take_plain_runs_too(yard: Yard):
    yard.create()
    assert yard.claim(capabilities=frozenset({"gpu"}))


def test_a_queue_that_appears_later_is_seen(yard: Yard):
    assert yard.claim() == []
    yard.create(queue="new")
    assert yard.claim()
    yard.create(queue="newer")
    assert yard.claim()


def test_projects_do_not_see_each_other(yard: Yard, store, clock):
    other = Yard(store, clock, project_id=2)
    yard.create()
    assert other.claim() == []
    theirs = other.create()
    assert other.claim_one().run.id == theirs.id


def test_calls_that_wait_together_share_what_there_is(yard: Yard):
    yard.create_many(5)
    asked = [claims.ClaimRequest(project_id=1, limit=2, worker=f"w{number}") for number in range(3)]
    answers = yard.store.transact(claims.claim, asked)
    assert [len(answer) for answer in answers] == [2, 2, 1]
    assert [granted.run.worker for answer in answers for granted in answer] == ["w0", "w0", "w1", "w1", "w2"]
    assert len({granted.run.id for answer in answers for granted in answer}) == 5


def test_different_calls_that_wait_together_do_not_take_the_same_run(yard: Yard):
    yard.create_many(3, queue="a")
    asked = [
        claims.ClaimRequest(project_id=1, limit=2),
        claims.ClaimRequest(project_id=1, limit=2, queues=("a",)),
        claims.ClaimRequest(project_id=2, limit=2),
    ]
    answers = yard.store.transact(claims.claim, asked)
    assert [len(answer) for answer in answers] == [2, 1, 0]


def test_a_caller_may_ask_for_another_length_of_lease(yard: Yard, clock):
    yard.create(policy={"lease": 5 * SECOND})
    yard.create(policy={"lease": 5 * SECOND})
    assert yard.claim_one().lease.until == clock.now() + 5 * SECOND
    assert yard.claim_one(lease=90 * SECOND).lease.until == clock.now() + 90 * SECOND


def test_a_run_past_its_time_to_live_is_expired_and_not_handed_out(yard: Yard, clock):
    stale = yard.create(ttl=SECOND, priority=9)
    clock.forward(seconds=1)
    fresh = yard.create()
    assert [granted.run.id for granted in yard.claim(2)] == [fresh.id]
    assert yard.state(stale) is RunState.EXPIRED
    assert yard.story(stale) == ["created", "expired"]


@pytest.mark.parametrize("ageing", [False, True])
def test_with_ageing_a_long_wait_beats_a_higher_priority(yard: Yard, clock, ageing: bool):
    yard.store.known["ageing"] = ageing  # type: ignore[attr-defined]
    yard.create(payload='"old"', priority=2)
    clock.forward(micros=HOUR + 1)
    yard.create(payload='"urgent"', priority=3)
    assert payloads(yard.claim(2)) == (['"old"', '"urgent"'] if ageing else ['"urgent"', '"old"'])


def topics_of(op: Callable[[Tx], object]) -> Callable[[Tx], frozenset[str]]:
    """The operation, answering whom its transaction wakes."""

    def spied(tx: Tx) -> frozenset[str]:
        op(tx)
        return frozenset(tx.topics)

    return spied


def test_a_claim_wakes_those_who_follow_the_run(yard: Yard):
    run = yard.create()
    woken = yard.store.transact(topics_of(lambda tx: claims.claim(tx, [claims.ClaimRequest(project_id=1)])))
    assert woken == {f"run:{run.id}", "project:1"}


def test_making_a_run_wakes_those_who_wait_for_work(yard: Yard):
    request = creations.CreateRequest(project_id=1, runs=(NewRun(),))
    assert "ready:1" in yard.store.transact(topics_of(lambda tx: creations.create(tx, [request])))


def test_making_a_run_for_later_wakes_no_worker(yard: Yard, clock):
    request = creations.CreateRequest(project_id=1, runs=(NewRun(available_at=clock.now() + 1), NewRun(draft=True)))
    assert "ready:1" not in yard.store.transact(topics_of(lambda tx: creations.create(tx, [request])))
