"""Run tokens: the right to report on one run without its lease, once its work has begun (DESIGN §3.2)."""

from __future__ import annotations

import pytest

from runyard.domain.errors import LeaseLost
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import leases
from runyard.engine.leases import Complete, Pass
from tests.support.yard import Known, Yard, id_of


def complete(yard: Yard, run: Known, proof: Pass, output: str = "null") -> Run:
    report = Complete(project_id=yard.project_id, run_id=id_of(run), token=proof, output=output)
    return yard.report(leases.complete, report)


@pytest.mark.parametrize("state", [RunState.CLAIMED, RunState.STARTING, RunState.RUNNING, RunState.WAITING])
@pytest.mark.parametrize("proof", [Pass(), Pass(attempt=1)], ids=["of the run", "of the attempt"])
def test_a_run_token_completes_a_run_that_was_begun(yard: Yard, state: RunState, proof: Pass):
    run = yard.in_state(state)
    assert complete(yard, run, proof, '"done"').output == '"done"'
    assert yard.state(run) is RunState.COMPLETED


@pytest.mark.parametrize("state", [RunState.SCHEDULED, RunState.QUEUED, RunState.PAUSED, RunState.CANCELED])
def test_a_run_token_changes_nothing_where_nobody_works(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(LeaseLost, match="nobody works on it"):
        complete(yard, run, Pass())
    assert yard.run(run) == run


def test_a_token_of_an_earlier_attempt_is_refused(yard: Yard):
    first = yard.running(policy={"initial_delay": 0, "jitter": 0.0})
    yard.fail(first)
    yard.tick()
    yard.start(yard.claim_one())
    with pytest.raises(LeaseLost, match="of attempt 1"):
        complete(yard, first, Pass(attempt=1))
    assert complete(yard, first, Pass(attempt=2)).state is RunState.COMPLETED


def test_completing_once_more_with_a_run_token_gives_the_stored_run(yard: Yard):
    run = yard.running()
    done = complete(yard, run, Pass(attempt=1), "1")
    assert complete(yard, run, Pass(attempt=1), "2") == done


def test_the_lease_is_gone_when_a_run_token_completed_the_run(yard: Yard):
    granted = yard.running()
    complete(yard, granted, Pass(attempt=1), "1")
    with pytest.raises(LeaseLost):
        yard.fail(granted)
    assert yard.run(granted).output == "1"
