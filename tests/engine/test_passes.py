"""Run tokens: the right to report on one run without its lease, once its work has begun."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Ended, LeaseLost, StaleAttempt
from runyard.domain.policy import Failure
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import dependencies, leases
from runyard.engine.fences import Writer
from runyard.engine.leases import Complete, Fail
from runyard.engine.proofs import Pass
from tests.support.writers import log
from tests.support.yard import SECOND, Known, Yard, id_of


def complete(yard: Yard, run: Known, proof: Pass, output: str = "null") -> Run:
    report = Complete(project_id=yard.project_id, run_id=id_of(run), token=proof, output=output)
    return yard.report(leases.complete, report)


@pytest.mark.parametrize("state", [RunState.CLAIMED, RunState.STARTING, RunState.RUNNING, RunState.WAITING])
@pytest.mark.parametrize("proof", [Pass(), Pass(attempt=1)], ids=["of the run", "of the attempt"])
def test_a_run_token_completes_a_run_that_was_begun(yard: Yard, state: RunState, proof: Pass):
    run = yard.in_state(state)
    assert complete(yard, run, proof, '"done"').output == '"done"'
    assert yard.state(run) is RunState.COMPLETED


@pytest.mark.parametrize("state", [RunState.SCHEDULED, RunState.QUEUED, RunState.PAUSED, RunState.DEAD_LETTER])
def test_a_run_token_changes_nothing_where_nobody_works(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(LeaseLost, match="nobody works on it"):
        complete(yard, run, Pass())
    assert yard.run(run) == run


@pytest.mark.parametrize("state", [RunState.CANCELED, RunState.FAILED, RunState.EXPIRED])
def test_a_run_token_changes_nothing_where_the_run_has_ended(yard: Yard, state: RunState):
    run = yard.in_state(state)
    with pytest.raises(Ended, match="closed"):
        complete(yard, run, Pass())
    assert yard.run(run) == run


def test_failing_for_good_skips_retries_and_the_dead_letter(yard: Yard):
    run = yard.running(policy={"max_attempts": 5})
    failure = Failure(message="no use")
    report = Fail(project_id=1, run_id=run.run.id, token=Pass(attempt=1), failure=failure, final="failed")
    done = yard.report(leases.fail, report)
    assert (done.state, done.attempt) == (RunState.FAILED, 1)
    assert yard.report(leases.fail, report) == done
    with pytest.raises(Ended):
        complete(yard, run, Pass(attempt=1))


def test_failing_for_good_does_not_answer_for_a_dead_letter(yard: Yard):
    run = yard.buried()
    report = Fail(project_id=1, run_id=run.id, token=Pass(), failure=Failure(message="late"), final="failed")
    with pytest.raises(LeaseLost):
        yard.report(leases.fail, report)


def test_a_heartbeat_by_run_token_never_shortens_the_lease(yard: Yard, clock):
    granted = yard.claimed()
    yard.heartbeat(granted, lease=3600 * SECOND)
    beat = leases.Heartbeat(project_id=1, run_id=granted.run.id, token=Pass(attempt=1))
    clock.forward(seconds=5)
    after = yard.report(leases.heartbeat, beat)
    assert (after.heartbeat_at, after.lease_until) == (clock.now(), clock.now() - 5 * SECOND + 3600 * SECOND)


def test_a_heartbeat_of_a_waiting_run_gives_it_no_lease(yard: Yard, clock):
    run = yard.in_state(RunState.WAITING)
    after = yard.report(leases.heartbeat, leases.Heartbeat(project_id=1, run_id=run.id, token=Pass()))
    assert (after.heartbeat_at, after.lease_until) == (clock.now(), None)


@pytest.mark.parametrize("state", [RunState.SCHEDULED, RunState.QUEUED, RunState.PAUSED, RunState.RUNNING])
def test_a_run_token_adds_to_the_record_until_the_run_ends(yard: Yard, state: RunState):
    run = yard.in_state(state)
    writer = Writer(project_id=1, run_id=run.id, token=Pass(attempt=1))
    assert log(yard, writer, "here") == 1
    with pytest.raises(StaleAttempt):
        log(yard, Writer(project_id=1, run_id=run.id, token=Pass(attempt=2)), "late")
    yard.cancel(run)
    with pytest.raises(Ended):
        log(yard, writer, "too late")


def test_a_token_of_an_earlier_attempt_is_refused(yard: Yard):
    first = yard.running(policy={"initial_delay": 0, "jitter": 0.0})
    yard.fail(first)
    yard.tick()
    yard.start(yard.claim_one())
    with pytest.raises(StaleAttempt, match="of attempt 1"):
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


def test_a_run_token_does_not_complete_what_waits_for_another_job(yard: Yard):
    upstream, job = yard.job("upstream"), yard.job("downstream")
    yard.store.transact(dependencies.add, yard.project_id, job.id, depends_on=upstream.id)
    run = yard.create(job="downstream")
    assert yard.state(run) is RunState.WAITING
    with pytest.raises(LeaseLost, match="nobody works on it"):
        complete(yard, run, Pass())
