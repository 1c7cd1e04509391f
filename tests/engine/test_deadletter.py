"""The dead letter and what people do with it: requeue, discard, resolve."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import IllegalMove, LeaseLost
from runyard.domain.states import RESOLVABLE, RUN_MOVES, RunState
from tests.support.yard import SECOND, Yard

PARKED = sorted(state for state, verb in RUN_MOVES if verb == "requeue")
REST = sorted(set(RunState) - set(PARKED))


@pytest.mark.parametrize("state", PARKED)
def test_a_requeued_run_begins_again_as_itself(yard: Yard, clock, state: RunState):
    parked = yard.in_state(state)
    clock.forward(seconds=5)
    run = yard.requeue(parked, actor="key:abc", reason="fixed")
    assert (run.id, run.state, run.attempt, run.lost, run.queued_at) == (
        parked.id,
        RunState.QUEUED,
        1,
        0,
        clock.now(),
    )
    assert (run.error, run.error_class, run.finished_at, run.resolved_at) == (None, None, None, None)
    assert yard.events(run)[-1].actor == "key:abc"
    granted = yard.claim_one()
    assert granted.run.epoch == parked.epoch + 1
    yard.complete(granted)
    assert yard.state(run) is RunState.COMPLETED


def test_a_requeued_run_has_all_its_attempts_again_and_keeps_the_old_ones(yard: Yard):
    policy = {"max_attempts": 2, "backoff": "fixed", "initial_delay": 0, "jitter": 0.0}
    run = yard.create(policy=policy)
    for _ in range(2):
        yard.fail(yard.claim_one())
        yard.tick()
    yard.requeue(run)
    assert yard.fail(yard.claim_one()).state is RunState.QUEUED
    yard.tick()
    assert yard.fail(yard.claim_one()).state is RunState.DEAD_LETTER
    assert [(a.epoch, a.attempt) for a in yard.attempts(run)] == [(1, 1), (2, 2), (3, 1), (4, 2)]


def test_a_requeued_run_has_its_whole_time_to_live_again_and_again(yard: Yard, clock):
    run = yard.buried(ttl=60 * SECOND)
    for _ in range(3):
        clock.forward(hours=1)
        run = yard.requeue(run)
        assert run.expires_at == clock.now() + 60 * SECOND
        run = yard.fail(yard.claim_one(), retryable=False)


def test_the_last_holder_of_a_requeued_run_has_no_say_in_it(yard: Yard):
    granted = yard.running()
    yard.fail(granted, retryable=False)
    yard.requeue(granted)
    for report in (yard.complete, yard.fail, yard.heartbeat):
        with pytest.raises(LeaseLost):
            report(granted)


@pytest.mark.parametrize("state", PARKED)
def test_a_discarded_run_fails_for_good_and_is_handled(yard: Yard, clock, state: RunState):
    parked = yard.in_state(state)
    run = yard.discard(parked, actor="key:abc", reason="not worth it")
    assert (run.state, run.finished_at, run.resolved_at) == (RunState.FAILED, clock.now(), clock.now())
    assert msgspec.json.decode(run.resolution or "") == {"kind": "discarded", "reason": "not worth it", "by": "key:abc"}
    assert yard.story(run)[-1] == "discarded"
    assert yard.last(run)["reason"] == "not worth it"


@pytest.mark.parametrize("state", REST)
def test_only_parked_runs_are_requeued_or_discarded(yard: Yard, state: RunState):
    run = yard.in_state(state)
    for verb in (yard.requeue, yard.discard):
        with pytest.raises(IllegalMove):
            verb(run)
    assert yard.run(run) == run


@pytest.mark.parametrize("state", sorted(RESOLVABLE))
def test_an_unsuccessful_run_can_be_marked_as_handled(yard: Yard, clock, state: RunState):
    run = yard.in_state(state)
    clock.forward(seconds=1)
    resolved = yard.resolve(run, actor="key:abc", reason="known")
    assert (resolved.state, resolved.resolved_at) == (state, clock.now())
    assert msgspec.json.decode(resolved.resolution or "") == {"kind": "resolved", "reason": "known", "by": "key:abc"}
    assert yard.story(run)[-1] == "resolved"
    clock.forward(seconds=1)
    assert yard.resolve(run) == resolved
    assert yard.story(run).count("resolved") == 1


@pytest.mark.parametrize("state", sorted(set(RunState) - RESOLVABLE))
def test_a_run_without_anything_to_handle_is_not_resolved(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(IllegalMove):
        yard.resolve(run)
    assert yard.run(run) == run


def test_time_does_nothing_to_the_dead_letter(yard: Yard):
    run = yard.buried(ttl=SECOND)
    yard.after(hours=24 * 365)
    assert yard.run(run) == run
    assert yard.claim() == []
