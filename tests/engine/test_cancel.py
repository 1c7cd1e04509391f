"""Canceling: from every live state, with all that hangs below, and final."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import IllegalMove, LeaseLost
from runyard.domain.states import LEASED, LIVE, RunState
from tests.support.yard import SECOND, Yard


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_run_can_be_canceled_in_every_state_that_is_not_final(yard: Yard, clock, state: RunState):
    run = yard.in_state(state)
    canceled = yard.cancel(run, actor="key:abc", reason="changed my mind")
    assert (canceled.state, canceled.finished_at) == (RunState.CANCELED, clock.now())
    assert canceled.error_class == "canceled"
    assert msgspec.json.decode(canceled.error or "")["message"] == "changed my mind"
    event = yard.events(run)[-1]
    assert (event.type, event.actor) == ("run.canceled", "key:abc")
    assert yard.last(run)["reason"] == "changed my mind"
    if state in LEASED:
        assert [attempt.outcome for attempt in yard.attempts(run)] == ["canceled"]
    yard.after(hours=2000)
    assert yard.run(run) == canceled
    assert yard.claim(10) == []


@pytest.mark.parametrize("state", sorted(set(RunState) - LIVE - {RunState.CANCELED}))
def test_an_ended_run_is_not_canceled(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(IllegalMove):
        yard.cancel(run)
    assert yard.run(run) == run


def test_canceling_a_canceled_run_changes_nothing(yard: Yard, clock):
    run = yard.cancel(yard.create())
    clock.forward(seconds=1)
    assert yard.cancel(run) == run
    assert yard.story(run) == ["created", "canceled"]


def test_the_holder_of_a_canceled_run_hears_it_with_its_next_report(yard: Yard):
    granted = yard.running()
    yard.cancel(granted)
    with pytest.raises(LeaseLost) as refusal:
        yard.heartbeat(granted)
    assert refusal.value.extra == {"state": "canceled"}


def test_all_live_runs_below_are_canceled_too(yard: Yard):
    parent = yard.running()
    waiting, done = yard.create(parent_id=parent.run.id), yard.create(parent_id=parent.run.id)
    yard.claim_one()
    finished = yard.claim_one()
    yard.complete(finished)
    grandchild = yard.create(parent_id=waiting.id, draft=True)
    below_done = yard.create(continuation_of=done.id)
    yard.cancel(parent)
    assert yard.state(waiting) is RunState.CANCELED
    assert yard.state(done) is RunState.COMPLETED
    assert yard.state(grandchild) is RunState.CANCELED
    assert yard.state(below_done) is RunState.QUEUED
    assert yard.last(waiting)["reason"] == "parent canceled"


def test_live_runs_below_an_ended_child_are_canceled_too(yard: Yard):
    parent = yard.running()
    child = yard.create(parent_id=parent.run.id)
    grandchild = yard.create(parent_id=child.id)
    yard.complete(yard.claim_one())
    yard.cancel(parent)
    assert yard.state(child) is RunState.COMPLETED
    assert yard.state(grandchild) is RunState.CANCELED


def test_a_long_chain_is_canceled_to_its_end(yard: Yard):
    top = run = yard.create()
    for _ in range(40):
        run = yard.create(parent_id=run.id)
    yard.cancel(top)
    assert yard.state(run) is RunState.CANCELED


def test_canceling_a_child_lets_its_parent_go_on(yard: Yard):
    parent = yard.running()
    child = yard.create(parent_id=parent.run.id)
    yard.park(parent)
    yard.cancel(child)
    assert yard.state(parent) is RunState.QUEUED


def test_a_canceled_run_gives_its_place_to_the_next(yard: Yard):
    yard.job(max_concurrency=1)
    first, second = yard.create(job="job"), yard.create(job="job")
    assert [one.run.id for one in yard.claim(2)] == [first.id]
    yard.cancel(first)
    assert [one.run.id for one in yard.claim(2)] == [second.id]


def test_a_canceled_retry_never_comes_back(yard: Yard):
    run = yard.fail(yard.running())
    yard.cancel(run)
    yard.after(seconds=10 * SECOND)
    assert yard.state(run) is RunState.CANCELED
    assert yard.claim() == []
