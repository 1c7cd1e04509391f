"""Failed attempts: tried again in place, each attempt kept, until the policy says enough."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import LeaseLost
from runyard.domain.policy import Failure, Policy
from runyard.domain.states import RunState
from runyard.engine import leases
from tests.support.yard import SECOND, Yard

AT_ONCE = {"backoff": "fixed", "initial_delay": 0, "jitter": 0.0}
STEADY = {"jitter": 0.0}


def test_a_failed_run_is_queued_again_after_its_delay(yard: Yard, clock):
    granted = yard.running(policy=STEADY)
    run = yard.fail(granted, "network", message="no route")
    assert (run.state, run.attempt, run.hold, run.next_retry_at) == (
        RunState.QUEUED,
        2,
        "retry",
        clock.now() + SECOND,
    )
    assert (run.error_class, msgspec.json.decode(run.error or "")["message"]) == ("network", "no route")
    assert yard.claim() == []
    assert yard.after(seconds=0.999) == 0
    assert yard.after(seconds=0.001) == 1
    assert (yard.run(run).hold, yard.run(run).next_retry_at) == (None, None)
    again = yard.claim_one()
    assert (again.run.id, again.run.attempt, again.run.epoch) == (run.id, 2, 2)


def test_the_journal_tells_a_retry_from_beginning_to_end(yard: Yard):
    granted = yard.running(policy=STEADY)
    yard.fail(granted, message="no route")
    assert yard.last(granted) | {"at": 0} == {
        "from": "running",
        "to": "queued",
        "attempt": 1,
        "error": "no route",
        "error_class": "error",
        "next_attempt": 2,
        "at": 0,
    }
    yard.after(seconds=1)
    yard.complete(yard.claim_one())
    assert yard.story(granted) == [
        "created", "claimed", "started", "retry_scheduled", "queued", "claimed", "completed",
    ]  # fmt: skip


def test_every_attempt_stays_as_it_ended(yard: Yard):
    run = yard.create(policy=AT_ONCE)
    for number in (1, 2):
        granted = yard.claim_one(worker=f"w{number}")
        yard.start(granted)
        yard.fail(granted, f"kind{number}", message=f"broke {number}")
        yard.tick()
    yard.complete(yard.claim_one(worker="w3"))
    kept = [(a.epoch, a.attempt, a.worker, a.outcome, a.error_class) for a in yard.attempts(run)]
    assert kept == [
        (1, 1, "w1", "failed", "kind1"),
        (2, 2, "w2", "failed", "kind2"),
        (3, 3, "w3", "completed", None),
    ]
    assert msgspec.json.decode(yard.attempts(run)[0].error or "")["message"] == "broke 1"
    done = yard.run(run)
    assert (done.error, done.error_class) == (None, None)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, [1, 2, 4]),
        ({"backoff": "linear", "initial_delay": 2 * SECOND}, [2, 4, 6]),
        ({"backoff": "fixed", "initial_delay": 3 * SECOND}, [3, 3, 3]),
        ({"backoff": "custom", "delays": (5 * SECOND, SECOND)}, [5, 1, 1]),
        ({"max_delay": 3 * SECOND}, [1, 2, 3]),
        ({"min_delay": 2 * SECOND}, [2, 2, 4]),
    ],
    ids=["exponential", "linear", "fixed", "custom", "longest", "shortest"],
)
def test_delays_follow_the_policy_of_the_run(yard: Yard, clock, policy, expected):
    yard.create(policy=STEADY | {"max_attempts": 4} | policy)
    waits = []
    for _ in expected:
        run = yard.fail(yard.claim_one())
        assert run.next_retry_at is not None
        waits.append((run.next_retry_at - clock.now()) / SECOND)
        yard.after(micros=run.next_retry_at - clock.now())
    assert waits == expected


def test_delays_are_spread_within_their_share(yard: Yard, clock):
    runs = yard.create_many(40, policy={"jitter": 0.5, "initial_delay": 100 * SECOND})
    waits = {yard.fail(granted).next_retry_at - clock.now() for granted in yard.claim(len(runs))}
    assert len(waits) > 20
    assert min(waits) >= 50 * SECOND
    assert max(waits) <= 150 * SECOND


def test_when_the_attempts_are_used_up_the_run_is_dead_lettered(yard: Yard, clock):
    run = yard.create(policy=AT_ONCE | {"max_attempts": 2})
    yard.fail(yard.claim_one())
    yard.tick()
    run = yard.fail(yard.claim_one(), message="still broken")
    assert (run.state, run.attempt, run.finished_at) == (RunState.DEAD_LETTER, 2, clock.now())
    assert yard.last(run)["reason"] == "attempts exhausted"
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["failed", "failed"]


def test_a_run_that_wants_no_dead_letter_fails(yard: Yard):
    granted = yard.running(policy={"max_attempts": 1, "dead_letter": False})
    assert yard.fail(granted).state is RunState.FAILED


def test_an_error_of_a_non_retryable_class_is_not_tried_again(yard: Yard):
    run = yard.fail(yard.running(policy={"non_retryable": ("bad_input",)}), "bad_input")
    assert (run.state, run.attempt) == (RunState.DEAD_LETTER, 1)


def test_an_executor_may_say_that_an_error_cannot_be_retried(yard: Yard):
    assert yard.fail(yard.running(), retryable=False).state is RunState.DEAD_LETTER


def test_an_executor_may_say_when_to_try_again(yard: Yard, clock):
    run = yard.fail(yard.running(), retry_after=90 * SECOND)
    assert run.next_retry_at == clock.now() + 90 * SECOND
    again = yard.fail(yard.running(), retry_after=0)
    assert yard.tick() == 1
    assert yard.claim_one().run.id == again.id


def test_a_run_goes_by_the_policy_it_was_made_with(yard: Yard):
    yard.job(policy=Policy(max_attempts=1))
    granted = yard.running(job="job")
    yard.job(policy=Policy(max_attempts=9))
    assert yard.fail(granted).state is RunState.DEAD_LETTER


def test_retries_can_move_a_run_forward_in_the_queue(yard: Yard):
    granted = yard.claimed(priority=9, policy=AT_ONCE | {"retry_priority_boost": 3})
    plain = yard.create(priority=9)
    run = yard.fail(granted)
    assert run.priority == 10
    yard.tick()
    assert [one.run.id for one in yard.claim(2)] == [run.id, plain.id]


def test_a_retried_run_keeps_its_place_in_the_queue(yard: Yard, clock):
    first = yard.claimed(policy=AT_ONCE)
    clock.forward(seconds=1)
    yard.create()
    yard.fail(first)
    yard.tick()
    assert yard.claim_one().run.id == first.run.id


def test_data_of_a_failure_is_kept_as_it_came(yard: Yard):
    granted = yard.running()
    failure = Failure(message="broke", data=msgspec.Raw(b'{"trace":[1,2]}'))
    report = leases.Fail(project_id=1, run_id=granted.run.id, token=granted.lease.token, failure=failure)
    run = yard.report(leases.fail, report)
    assert msgspec.json.decode(run.error or "")["data"] == {"trace": [1, 2]}


def test_a_run_waiting_for_its_retry_expires_with_its_time_to_live(yard: Yard):
    granted = yard.running(ttl=5 * SECOND)
    yard.fail(granted, retry_after=60 * SECOND)
    yard.after(seconds=5)
    assert yard.state(granted) is RunState.EXPIRED


def test_a_late_failure_of_a_lost_attempt_does_not_count(yard: Yard):
    former = yard.running()
    yard.after(seconds=60)
    current = yard.claim_one()
    with pytest.raises(LeaseLost):
        yard.fail(former)
    assert yard.run(current).attempt == 1
