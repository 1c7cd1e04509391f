"""Reports of executors that are part of the server: runs put off, ended at once, timed out, and traced."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.policy import Failure
from runyard.domain.states import RunState
from runyard.engine import leases
from runyard.engine.claims import Granted
from tests.support.yard import SECOND, Yard

LIMIT = 3


def snooze(yard: Yard, granted: Granted, delay: int = SECOND) -> RunState:
    report = leases.Snooze(**proof(granted), reason="circuit open", delay=delay, limit=LIMIT)
    return yard.report(leases.snooze, report).state


def proof(granted: Granted) -> dict[str, Any]:
    return {"project_id": granted.run.project_id, "run_id": granted.run.id, "token": granted.lease.token}


def fail(yard: Yard, granted: Granted, kind: str = "server", **said: Any) -> RunState:
    report = leases.Fail(**proof(granted), failure=Failure(message="it broke", kind=kind), **said)
    return yard.report(leases.fail, report).state


def test_a_snoozed_run_keeps_its_attempt_and_counts_how_often_it_was_put_off(yard: Yard):
    granted = yard.claimed(metadata={"mine": "kept"})
    assert snooze(yard, granted, delay=5 * SECOND) is RunState.QUEUED
    run = yard.run(granted)
    assert (run.attempt, run.error_class, run.next_retry_at) == (1, "transient", yard.clock.now() + 5 * SECOND)
    assert msgspec.json.decode(run.metadata or "") == {"mine": "kept", "snooze_count": "1"}
    assert "circuit open" in (run.error or "")
    assert yard.claim() == []
    yard.after(seconds=5)
    assert yard.claim_one().run.id == run.id


def test_a_run_snoozed_too_often_is_system_failed_and_not_retried(yard: Yard):
    granted = yard.claimed()
    for _ in range(LIMIT):
        assert snooze(yard, granted) is RunState.QUEUED
        yard.after(seconds=1)
        granted = yard.claim_one()
    assert snooze(yard, granted) is RunState.SYSTEM_FAILED
    run = yard.run(granted)
    assert (run.attempt, run.error_class) == (1, "server")


def test_odd_metadata_does_not_keep_a_run_from_being_put_off(yard: Yard):
    granted = yard.claimed(metadata={"snooze_count": "not a number"})
    assert snooze(yard, granted) is RunState.QUEUED
    assert msgspec.json.decode(yard.run(granted).metadata or "")["snooze_count"] == "1"


def test_a_run_that_times_out_in_its_last_attempt_is_timed_out_and_never_dead_lettered(yard: Yard):
    granted = yard.running(policy={"max_attempts": 2, "jitter": 0})
    assert fail(yard, granted, "timeout", timed_out=True, trace='{"total_ms":1}') is RunState.QUEUED
    assert yard.run(granted).trace is None, "a trace is kept only with an end"
    yard.after(seconds=1)
    granted = yard.claim_one()
    assert fail(yard, granted, "timeout", timed_out=True, trace='{"total_ms":2}') is RunState.TIMED_OUT
    assert yard.run(granted).trace == '{"total_ms":2}'


def test_timeouts_that_are_not_retried_end_the_run_at_once(yard: Yard):
    granted = yard.running(policy={"retry_timeouts": False})
    assert fail(yard, granted, "timeout", timed_out=True) is RunState.TIMED_OUT


def test_a_final_failure_leaves_no_attempts_and_no_dead_letter(yard: Yard):
    assert fail(yard, yard.running(), final="failed") is RunState.FAILED
    assert fail(yard, yard.running(), final="system_failed") is RunState.SYSTEM_FAILED


def test_a_trace_is_kept_with_completed_and_dead_lettered_runs(yard: Yard):
    done = yard.running()
    yard.complete(done, trace='{"total_ms":3}')
    assert yard.run(done).trace == '{"total_ms":3}'
    buried = yard.running(policy={"max_attempts": 1})
    assert fail(yard, buried, trace='{"total_ms":4}') is RunState.DEAD_LETTER
    assert yard.run(buried).trace == '{"total_ms":4}'


def test_a_start_may_ask_for_another_lease(yard: Yard):
    granted = yard.claimed()
    yard.start(granted, lease=90 * SECOND)
    assert yard.run(granted).lease_until == yard.clock.now() + 90 * SECOND
