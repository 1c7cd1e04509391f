"""Pausing and resuming: a paused run stands still, and goes on where it stood."""

from __future__ import annotations

import pytest

from runyard.domain.errors import IllegalMove, LeaseLost
from runyard.domain.states import LEASED, RUN_MOVES, RunState
from tests.support.yard import SECOND, Yard

S = RunState
PAUSABLE = sorted(state for state, verb in RUN_MOVES if verb == "pause")


@pytest.mark.parametrize("state", PAUSABLE)
def test_a_paused_run_stands_still_until_it_is_resumed(yard: Yard, state: RunState):
    run = yard.in_state(state)
    paused = yard.pause(run, actor="key:abc", reason="look first")
    assert paused.state is S.PAUSED
    assert yard.events(run)[-1].actor == "key:abc"
    assert yard.last(run)["reason"] == "look first"
    yard.after(hours=2000)
    assert yard.run(run) == paused
    assert yard.claim(10) == []


@pytest.mark.parametrize("state", sorted(set(RunState) - set(PAUSABLE) - {S.PAUSED}))
def test_other_runs_cannot_be_paused(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(IllegalMove):
        yard.pause(run)
    assert yard.run(run) == run


@pytest.mark.parametrize("state", sorted(set(RunState) - {S.PAUSED}))
def test_only_a_paused_run_is_resumed(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(IllegalMove):
        yard.resume(run)
    assert yard.run(run) == run


def test_pausing_a_paused_run_changes_nothing(yard: Yard, clock):
    run = yard.pause(yard.create())
    clock.forward(seconds=1)
    assert yard.pause(run) == run
    assert yard.story(run) == ["created", "paused"]


@pytest.mark.parametrize("state", sorted(LEASED))
def test_whoever_holds_a_paused_run_loses_it(yard: Yard, state: RunState):
    run = yard.in_state(state)
    granted = yard.held[run.id]
    yard.pause(run)
    with pytest.raises(LeaseLost):
        yard.complete(granted)
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["paused"]
    assert yard.resume(run).state is S.QUEUED
    with pytest.raises(LeaseLost):
        yard.complete(granted)
    again = yard.claim_one()
    assert (again.run.id, again.run.attempt, again.run.epoch) == (run.id, 1, 2)


def test_a_resumed_run_stands_where_it_stood_in_the_queue(yard: Yard, clock):
    first = yard.pause(yard.create())
    clock.forward(seconds=1)
    yard.create()
    yard.resume(first)
    assert yard.claim_one().run.id == first.id


def test_a_resumed_run_keeps_its_later_time(yard: Yard, clock):
    run = yard.pause(yard.create(available_at=clock.now() + 10 * SECOND))
    yard.after(seconds=5)
    assert yard.resume(run).state is S.SCHEDULED
    yard.after(seconds=5)
    assert yard.state(run) is S.QUEUED


def test_a_run_resumed_after_its_time_is_queued_at_once(yard: Yard, clock):
    run = yard.pause(yard.create(available_at=clock.now() + 10 * SECOND))
    yard.after(seconds=20)
    assert yard.resume(run).state is S.QUEUED
    assert yard.claim_one().run.id == run.id


def test_a_run_paused_between_attempts_keeps_the_time_of_its_next_try(yard: Yard, clock):
    run = yard.fail(yard.running(policy={"jitter": 0.0, "initial_delay": 10 * SECOND}))
    due = clock.now() + 10 * SECOND
    yard.pause(run)
    yard.after(seconds=2)
    resumed = yard.resume(run)
    assert (resumed.state, resumed.hold, resumed.next_retry_at) == (S.QUEUED, "retry", due)
    assert yard.claim() == []
    yard.after(seconds=8)
    assert yard.claim_one().run.id == run.id


def test_a_run_resumed_after_its_next_try_was_due_is_queued_at_once(yard: Yard):
    run = yard.fail(yard.running(policy={"jitter": 0.0, "initial_delay": 10 * SECOND}))
    yard.pause(run)
    yard.after(seconds=20)
    assert yard.resume(run).hold is None
    assert yard.claim_one().run.attempt == 2


def test_a_run_paused_while_it_waits_goes_on_waiting(yard: Yard):
    parent = yard.running()
    child = yard.create(parent_id=parent.run.id)
    yard.park(parent)
    yard.pause(parent)
    resumed = yard.resume(parent)
    assert resumed.state is S.WAITING
    assert resumed.waiting_for is not None
    yard.complete(yard.claim_one())
    assert yard.state(child) is S.COMPLETED
    assert yard.state(parent) is S.QUEUED


def test_a_run_whose_children_ended_while_it_was_paused_is_queued_when_resumed(yard: Yard):
    parent = yard.running()
    yard.create(parent_id=parent.run.id)
    yard.park(parent)
    yard.pause(parent)
    yard.complete(yard.claim_one())
    assert yard.state(parent) is S.PAUSED
    assert yard.resume(parent).state is S.QUEUED


def test_a_wait_that_ended_badly_while_paused_ends_so_when_resumed(yard: Yard, clock):
    granted = yard.running()
    yard.park(granted, "event", until=clock.now() + SECOND)
    yard.pause(granted)
    yard.after(seconds=5)
    assert yard.resume(granted).state is S.WAITING
    yard.tick()
    assert yard.state(granted) is S.TIMED_OUT


def test_a_run_whose_life_ended_while_paused_expires_when_resumed(yard: Yard):
    run = yard.pause(yard.create(ttl=SECOND))
    yard.after(seconds=5)
    assert yard.state(run) is S.PAUSED
    yard.resume(run)
    assert yard.claim() == []
    assert yard.state(run) is S.EXPIRED


def test_a_paused_run_gives_its_place_to_the_next_and_queues_for_it_again(yard: Yard):
    yard.job(max_concurrency=1)
    first, second = yard.create(job="job"), yard.create(job="job")
    yard.claim_one()
    yard.pause(first)
    granted = yard.claim_one()
    assert granted.run.id == second.id
    assert yard.resume(first).hold == "lane"
    yard.complete(granted)
    assert yard.claim_one().run.id == first.id


def test_a_run_that_was_taken_in_time_does_not_expire_because_it_was_paused(yard: Yard, clock):
    granted = yard.running(ttl=SECOND)
    yard.pause(granted)
    yard.after(seconds=5)
    assert yard.resume(granted).expires_at == clock.now() + SECOND
    assert yard.claim_one().run.id == granted.run.id
