"""Restarting: a run that is worked on, or paused, is queued again at the attempt it is at."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import IllegalMove, LeaseLost
from runyard.domain.states import RunState
from runyard.engine import leases, pauses
from runyard.engine.leases import Complete
from runyard.engine.proofs import Pass
from tests.support.yard import SECOND, Yard

RESTARTABLE = (RunState.RUNNING, RunState.PAUSED)


@pytest.mark.parametrize("paused", [False, True])
def test_a_restarted_run_is_queued_at_the_same_attempt(yard: Yard, paused: bool):
    granted = yard.running()
    yard.fail(granted)
    yard.after(seconds=10)
    granted = yard.claim_one()
    yard.start(granted)
    if paused:
        yard.pause(granted)
    run = yard.do(pauses.restart, granted, actor="key:abc", reason="stuck")
    assert (run.state, run.attempt, run.started_at, run.claimed_at) == (RunState.QUEUED, 2, None, None)
    assert (yard.events(run)[-1].type, yard.events(run)[-1].actor) == ("run.restarted", "key:abc")
    assert yard.attempts(run)[-1].outcome == ("paused" if paused else "restarted")
    assert yard.claim_one().run.id == run.id
    yard.check()


@pytest.mark.parametrize("state", sorted(set(RunState) - set(RESTARTABLE)))
def test_other_runs_cannot_be_restarted(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(IllegalMove):
        yard.do(pauses.restart, run)
    assert yard.run(run) == run


def test_notes_are_laid_over_the_metadata(yard: Yard):
    granted = yard.running(metadata={"keep": "me", "size": "small"})
    run = yard.do(pauses.restart, granted, notes={"size": "large"})
    assert msgspec.json.decode(yard.run(run).metadata or "") == {"keep": "me", "size": "large"}


def test_the_late_answer_of_who_held_it_is_dropped(yard: Yard):
    granted = yard.running()
    yard.do(pauses.restart, granted)
    with pytest.raises(LeaseLost):
        yard.complete(granted)
    late = Complete(project_id=1, run_id=granted.run.id, token=Pass(attempt=1))
    with pytest.raises(LeaseLost):
        yard.report(leases.complete, late)
    assert yard.state(granted) is RunState.QUEUED


def test_a_restart_gives_its_place_back(yard: Yard):
    yard.job(max_concurrency=1)
    granted = yard.running(job="job")
    yard.do(pauses.restart, granted)
    yard.check()
    assert yard.claim_one().run.id == granted.run.id


def test_the_time_to_live_starts_anew(yard: Yard, clock):
    granted = yard.running(ttl=SECOND)
    clock.forward(seconds=5)
    assert yard.do(pauses.restart, granted).expires_at == clock.now() + SECOND
    yard.tick()
    assert yard.state(granted) is RunState.QUEUED
