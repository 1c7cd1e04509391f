"""Rescheduling: another time, perhaps another payload, for a run nobody has taken."""

from __future__ import annotations

import pytest

from runyard.domain.errors import IllegalMove, PayloadMismatch
from runyard.domain.states import RUN_MOVES, RunState
from tests.support.yard import SECOND, Yard

RESCHEDULABLE = sorted(state for state, verb in RUN_MOVES if verb == "reschedule")


@pytest.mark.parametrize("state", RESCHEDULABLE)
def test_a_run_nobody_took_can_be_given_another_time(yard: Yard, clock, state: RunState):
    run = yard.in_state(state)
    at = clock.now() + 100 * SECOND
    moved = yard.reschedule(run, at, actor="key:abc")
    assert (moved.state, moved.available_at, moved.queued_at) == (RunState.SCHEDULED, at, None)
    assert yard.events(run)[-1].actor == "key:abc"
    yard.after(seconds=99)
    assert yard.claim() == []
    yard.after(seconds=1)
    assert yard.claim_one().run.id == run.id


@pytest.mark.parametrize("state", RESCHEDULABLE)
@pytest.mark.parametrize("ago", [None, 0, SECOND])
def test_no_time_or_a_past_one_means_now(yard: Yard, clock, state: RunState, ago: int | None):
    run = yard.in_state(state)
    moved = yard.reschedule(run, None if ago is None else clock.now() - ago)
    assert (moved.state, moved.available_at, moved.queued_at) == (RunState.QUEUED, None, clock.now())
    assert yard.claim_one().run.id == run.id


@pytest.mark.parametrize("state", sorted(set(RunState) - set(RESCHEDULABLE)))
def test_other_runs_cannot_be_rescheduled(yard: Yard, clock, state: RunState):
    run = yard.in_state(state)
    for at in (None, clock.now() + SECOND):
        with pytest.raises(IllegalMove):
            yard.reschedule(run, at)
    assert yard.run(run) == run


def test_a_run_that_was_begun_before_cannot_be_rescheduled(yard: Yard, clock):
    granted = yard.running()
    yard.release(granted)
    with pytest.raises(IllegalMove, match="begun before"):
        yard.reschedule(granted, clock.now() + SECOND)


def test_a_run_that_was_given_back_before_it_was_begun_can_be_rescheduled(yard: Yard, clock):
    granted = yard.claimed()
    yard.release(granted)
    assert yard.reschedule(granted, clock.now() + SECOND).state is RunState.SCHEDULED


def test_the_time_to_live_moves_along(yard: Yard, clock):
    run = yard.create(ttl=60 * SECOND)
    clock.forward(seconds=30)
    at = clock.now() + 1000 * SECOND
    assert yard.reschedule(run, at).expires_at == at + 60 * SECOND
    assert yard.reschedule(run, at + SECOND).expires_at == at + 61 * SECOND
    assert yard.reschedule(run, None).expires_at == clock.now() + 60 * SECOND


def test_the_payload_may_change_with_the_time(yard: Yard, clock):
    run = yard.create(payload="1")
    moved = yard.reschedule(run, clock.now() + SECOND, payload="2")
    assert moved.payload == yard.run(run).payload == "2"


def test_a_changed_payload_must_match_the_schema_of_the_job(yard: Yard, clock):
    yard.job(payload_schema='{"type": "integer"}')
    run = yard.create(job="job", payload="1")
    with pytest.raises(PayloadMismatch):
        yard.reschedule(run, clock.now() + SECOND, payload='"text"')
    assert yard.run(run) == run


def test_a_rescheduled_run_stands_where_its_new_time_puts_it(yard: Yard, clock):
    first = yard.create()
    clock.forward(seconds=1)
    second = yard.create()
    yard.reschedule(first, clock.now() + SECOND)
    yard.after(seconds=2)
    assert [granted.run.id for granted in yard.claim(2)] == [second.id, first.id]
