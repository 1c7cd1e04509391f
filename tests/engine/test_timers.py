"""What time does to runs: due times, timeouts, lost heartbeats and leases, ends of life."""

from __future__ import annotations

import pytest

from runyard.domain.errors import LeaseLost
from runyard.domain.states import RunState
from runyard.engine import timers
from tests.support.yard import SECOND, Yard

AT_ONCE = {"backoff": "fixed", "initial_delay": 0, "jitter": 0.0}


def test_the_timer_has_nothing_to_do_before_anything_is_due(yard: Yard, clock):
    assert yard.store.look(timers.next_due) is None
    yard.create()
    assert yard.store.look(timers.next_due) is None
    yard.create(available_at=clock.now() + 9 * SECOND)
    yard.create(ttl=5 * SECOND)
    assert yard.store.look(timers.next_due) == clock.now() + 5 * SECOND
    assert yard.tick() == 0


def test_a_pass_is_bounded_and_the_next_one_goes_on(yard: Yard, clock):
    yard.create_many(10, available_at=clock.now() + SECOND)
    clock.forward(seconds=1)
    assert [yard.store.transact(timers.tick, 4) for _ in range(4)] == [4, 4, 2, 0]


def test_a_pass_over_what_was_done_does_nothing(yard: Yard):
    run = yard.create(ttl=SECOND)
    yard.after(seconds=1)
    story = yard.story(run)
    assert yard.tick() == 0
    assert yard.story(run) == story


def test_an_expired_lease_gives_the_run_to_another_without_using_up_an_attempt(yard: Yard):
    lost = yard.running(policy={"lease": 10 * SECOND})
    assert yard.after(seconds=9.9) == 0
    assert yard.after(seconds=0.1) == 1
    run = yard.run(lost)
    assert (run.state, run.attempt, run.lost, run.worker) == (RunState.QUEUED, 1, 1, None)
    again = yard.claim_one(worker="second")
    assert (again.run.id, again.run.epoch, again.run.attempt) == (run.id, 2, 1)
    assert again.lease.token != lost.lease.token
    yard.complete(again)
    assert [(a.epoch, a.outcome) for a in yard.attempts(run)] == [(1, "lost"), (2, "completed")]
    assert "lease_expired" in yard.story(run)


def test_a_heartbeat_in_time_keeps_the_lease(yard: Yard):
    granted = yard.running(policy={"lease": 10 * SECOND})
    for _ in range(5):
        yard.after(seconds=9)
        yard.heartbeat(granted)
    assert yard.complete(granted).state is RunState.COMPLETED


def test_an_expired_lease_uses_up_an_attempt_where_the_policy_says_so(yard: Yard):
    granted = yard.running(policy=AT_ONCE | {"lease": SECOND, "lost_lease_counts": True, "max_attempts": 2})
    yard.after(seconds=1)
    assert (yard.run(granted).state, yard.run(granted).attempt) == (RunState.QUEUED, 2)
    yard.tick()
    yard.claim_one()
    yard.after(seconds=1)
    run = yard.run(granted)
    assert (run.state, run.error_class) == (RunState.CRASHED, "lease_lost")
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["lost", "lost"]


@pytest.mark.parametrize(("dead_letter", "end"), [(True, RunState.DEAD_LETTER), (False, RunState.CRASHED)])
def test_a_run_that_kills_its_workers_is_stopped(yard: Yard, dead_letter: bool, end: RunState):
    run = yard.create(policy={"lease": SECOND, "lost_leases": 3, "dead_letter": dead_letter})
    for number in (1, 2, 3):
        yard.claim_one()
        yard.after(seconds=1)
        assert yard.run(run).lost == min(number, 2)
    assert yard.state(run) is end
    assert yard.claim() == []


def test_a_silent_executor_loses_the_run_before_its_lease_ends(yard: Yard):
    granted = yard.running(policy=AT_ONCE | {"heartbeat_grace": 5 * SECOND, "max_attempts": 2})
    yard.after(seconds=4)
    yard.heartbeat(granted)
    yard.after(seconds=4)
    assert yard.state(granted) is RunState.RUNNING
    yard.after(seconds=1)
    run = yard.run(granted)
    assert (run.state, run.attempt, run.error_class) == (RunState.QUEUED, 2, "lease_lost")
    yard.tick()
    yard.start(yard.claim_one())
    yard.after(seconds=5)
    assert yard.state(granted) is RunState.CRASHED


def test_silence_before_the_start_uses_up_no_attempt(yard: Yard):
    granted = yard.claimed(policy={"heartbeat_grace": 5 * SECOND, "lease": 9 * SECOND})
    yard.after(seconds=8)
    assert yard.state(granted) is RunState.CLAIMED
    yard.after(seconds=1)
    run = yard.run(granted)
    assert (run.state, run.attempt) == (RunState.QUEUED, 1)


def test_an_attempt_that_takes_too_long_is_retried(yard: Yard):
    granted = yard.running(policy=AT_ONCE | {"timeout": 10 * SECOND})
    yard.after(seconds=9)
    yard.heartbeat(granted)
    yard.after(seconds=1)
    run = yard.run(granted)
    assert (run.state, run.attempt, run.error_class) == (RunState.QUEUED, 2, "timeout")
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["timed_out"]
    with pytest.raises(LeaseLost):
        yard.complete(granted)


def test_when_the_last_attempt_times_out_so_does_the_run(yard: Yard):
    granted = yard.running(policy={"timeout": SECOND, "max_attempts": 1})
    yard.after(seconds=1)
    run = yard.run(granted)
    assert (run.state, run.error_class) == (RunState.TIMED_OUT, "timeout")
    assert yard.story(run)[-1] == "timed_out"


def test_timeouts_are_not_retried_where_the_policy_says_so(yard: Yard):
    granted = yard.running(policy={"timeout": SECOND, "retry_timeouts": False})
    yard.after(seconds=1)
    assert yard.state(granted) is RunState.TIMED_OUT


def test_a_timeout_counts_from_the_start_of_the_attempt(yard: Yard):
    granted = yard.claimed(policy={"timeout": 10 * SECOND})
    yard.after(seconds=8)
    yard.start(granted)
    yard.after(seconds=8)
    assert yard.state(granted) is RunState.RUNNING
    yard.after(seconds=2)
    assert yard.state(granted) is RunState.QUEUED


def test_an_attempt_that_never_starts_times_out_too(yard: Yard):
    granted = yard.claimed(policy={"timeout": 10 * SECOND, "max_attempts": 1})
    yard.prepare(granted)
    yard.after(seconds=10)
    assert yard.state(granted) is RunState.TIMED_OUT


def test_a_second_attempt_has_the_whole_time_again(yard: Yard):
    granted = yard.running(policy=AT_ONCE | {"timeout": 10 * SECOND})
    yard.after(seconds=8)
    yard.fail(granted)
    yard.tick()
    again = yard.claim_one()
    yard.start(again)
    yard.after(seconds=8)
    assert yard.complete(again).state is RunState.COMPLETED


@pytest.mark.parametrize("draft", [False, True])
def test_a_run_nobody_takes_expires(yard: Yard, clock, draft: bool):
    run = yard.create(ttl=5 * SECOND, draft=draft)
    assert yard.after(seconds=4) == 0
    assert yard.after(seconds=1) == 1
    run = yard.run(run)
    assert (run.state, run.finished_at, run.error_class) == (RunState.EXPIRED, clock.now(), "expired")
    assert yard.story(run) == ["created", "expired"]


def test_a_run_that_was_taken_does_not_expire(yard: Yard):
    granted = yard.running(ttl=5 * SECOND)
    yard.after(seconds=30)
    assert yard.complete(granted).state is RunState.COMPLETED


def test_a_scheduled_run_that_ends_before_its_time_expires(yard: Yard, clock):
    run = yard.create(available_at=clock.now() + 10 * SECOND, expires_at=clock.now() + 5 * SECOND)
    yard.after(seconds=5)
    assert yard.state(run) is RunState.EXPIRED


def test_a_wait_that_lasts_too_long_times_the_run_out(yard: Yard, clock):
    granted = yard.running()
    yard.park(granted, "event", until=clock.now() + 5 * SECOND, key="answer")
    yard.after(seconds=4)
    assert yard.state(granted) is RunState.WAITING
    yard.after(seconds=1)
    run = yard.run(granted)
    assert (run.state, run.error_class) == (RunState.TIMED_OUT, "timeout")


def test_one_pass_does_all_kinds_of_things_at_once(yard: Yard, clock):
    lost = yard.running(policy={"lease": SECOND})
    late = yard.running(policy={"timeout": SECOND, "max_attempts": 1})
    retried = yard.fail(yard.running(policy=AT_ONCE))
    promoted = yard.create(available_at=clock.now() + SECOND)
    expired = yard.create(ttl=SECOND)
    assert yard.after(seconds=1) == 5
    assert [yard.state(one) for one in (lost, late, retried, promoted, expired)] == [
        RunState.QUEUED,
        RunState.TIMED_OUT,
        RunState.QUEUED,
        RunState.QUEUED,
        RunState.EXPIRED,
    ]
    assert len(yard.claim(10)) == 3


def test_the_timer_says_that_work_became_ready(yard: Yard, clock):
    yard.create(available_at=clock.now() + SECOND)
    clock.forward(seconds=1)

    def topics(tx):
        timers.tick(tx)
        return set(tx.topics)

    assert "ready:1" in yard.store.transact(topics)
