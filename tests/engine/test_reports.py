"""What executors report: every report names its lease, and without the current one nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from runyard.domain.errors import Conflict, LeaseLost, NotFound, PayloadMismatch
from runyard.domain.policy import Failure, Policy
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import leases, rounds
from runyard.engine.claims import Granted
from tests.support.yard import SECOND, Yard

REPORTS: dict[str, Callable[[Yard, Granted], Run]] = {
    "prepare": Yard.prepare,
    "start": Yard.start,
    "heartbeat": Yard.heartbeat,
    "complete": Yard.complete,
    "fail": Yard.fail,
    "release": Yard.release,
    "park": Yard.park,
}


@pytest.fixture(params=REPORTS)
def report(request: pytest.FixtureRequest) -> Callable[[Yard, Granted], Run]:
    """Each kind of report in turn."""
    return REPORTS[str(request.param)]


def refused(yard: Yard, report: Callable[[Yard, Granted], Run], granted: Granted) -> LeaseLost:
    """The report's refusal, which left no trace."""
    before, story = yard.run(granted), yard.story(granted)
    with pytest.raises(LeaseLost) as refusal:
        report(yard, granted)
    assert yard.run(granted) == before
    assert yard.story(granted) == story
    return refusal.value


def with_token(granted: Granted, token: str) -> Granted:
    return msgspec.structs.replace(granted, lease=msgspec.structs.replace(granted.lease, token=token))


def test_a_report_with_a_wrong_token_is_refused(yard: Yard, report):
    granted = yard.running()
    for token in ("", "rl_wrong", granted.lease.token[:-1], granted.lease.token + "x", "é"):
        refused(yard, report, with_token(granted, token))


def test_a_report_after_the_lease_expired_is_refused_even_before_the_timer_saw_it(yard: Yard, clock, report):
    granted = yard.running()
    clock.forward(seconds=60)
    refused(yard, report, granted)


def test_a_report_of_a_former_holder_is_refused(yard: Yard, report):
    former = yard.running()
    yard.after(seconds=60)
    current = yard.claim_one()
    assert current.run.id == former.run.id
    refused(yard, report, former)
    report(yard, current)


def test_a_report_on_a_canceled_run_is_refused_and_says_so(yard: Yard, report):
    granted = yard.running()
    yard.cancel(granted)
    assert refused(yard, report, granted).extra == {"state": "canceled"}


def test_a_report_on_a_paused_run_is_refused(yard: Yard, report):
    granted = yard.running()
    yard.pause(granted)
    assert refused(yard, report, granted).extra == {"state": "paused"}
    yard.resume(granted)
    refused(yard, report, granted)


def test_a_report_on_an_ended_run_is_refused(yard: Yard, report):
    granted = yard.running()
    yard.fail(granted, retryable=False, message="first")
    if report is not Yard.fail:
        refused(yard, report, granted)


def test_a_report_on_an_unknown_run_is_not_found(yard: Yard, store, clock, report):
    granted = yard.running()
    unknown = msgspec.structs.replace(granted, run=msgspec.structs.replace(granted.run, id="nonsense"))
    with pytest.raises(NotFound):
        report(yard, unknown)
    with pytest.raises(NotFound):
        report(Yard(store, clock, project_id=2), granted)


def test_work_goes_from_claimed_over_starting_to_running(yard: Yard, clock):
    granted = yard.claimed()
    clock.forward(seconds=1)
    assert (yard.prepare(granted).state, yard.run(granted).started_at) == (RunState.STARTING, None)
    clock.forward(seconds=1)
    run = yard.start(granted)
    assert (run.state, run.started_at) == (RunState.RUNNING, clock.now())
    assert yard.story(granted) == ["created", "claimed", "starting", "started"]


def test_saying_again_that_work_began_changes_nothing(yard: Yard, clock):
    granted = yard.claimed()
    yard.prepare(granted)
    assert yard.prepare(granted).state is RunState.STARTING
    first = yard.start(granted)
    clock.forward(seconds=1)
    assert yard.start(granted) == first
    assert yard.prepare(granted) == first
    assert yard.story(granted) == ["created", "claimed", "starting", "started"]


def test_a_heartbeat_extends_the_lease_and_leaves_no_line(yard: Yard, clock):
    granted = yard.running()
    clock.forward(seconds=30)
    run = yard.heartbeat(granted)
    assert (run.lease_until, run.heartbeat_at) == (clock.now() + run.policy.lease, clock.now())
    assert yard.heartbeat(granted, lease=5 * SECOND).lease_until == clock.now() + 5 * SECOND
    assert yard.story(granted) == ["created", "claimed", "started"]
    yard.after(seconds=5)
    assert yard.state(granted) is RunState.QUEUED


def test_a_completed_run_keeps_its_output_and_closes_its_attempt(yard: Yard, clock):
    granted = yard.running()
    clock.forward(seconds=3)
    run = yard.complete(granted, '{"ok":  true}', actor="key:abc")
    assert (run.state, run.output, run.finished_at, run.error) == (
        RunState.COMPLETED,
        '{"ok":  true}',
        clock.now(),
        None,
    )
    (attempt,) = yard.attempts(run)
    assert (attempt.outcome, attempt.ended_at, attempt.started_at) == (
        "completed",
        clock.now(),
        clock.now() - 3 * SECOND,
    )
    assert yard.story(run) == ["created", "claimed", "started", "completed"]
    assert yard.events(run)[-1].actor == "key:abc"


def test_a_run_may_be_completed_straight_from_its_claim(yard: Yard, clock):
    granted = yard.claimed()
    clock.forward(seconds=5)
    run = yard.complete(granted, started_at=clock.now() - 2 * SECOND)
    assert run.started_at == clock.now() - 2 * SECOND


@pytest.mark.parametrize(("said", "taken"), [(-100, 0), (100, 5)])
def test_an_executor_cannot_claim_to_have_started_before_its_claim_or_later_than_now(yard: Yard, clock, said, taken):
    granted = yard.claimed()
    claimed_at = clock.now()
    clock.forward(seconds=5)
    run = yard.complete(granted, started_at=claimed_at + said * SECOND)
    assert run.started_at == claimed_at + taken * SECOND


def test_repeating_the_report_of_a_completed_run_succeeds_without_effect(yard: Yard, clock):
    granted = yard.running()
    first = yard.complete(granted, '"first"')
    clock.forward(hours=2)
    assert yard.complete(granted, '"second"') == first
    assert yard.story(granted).count("completed") == 1


def test_repeating_the_report_of_a_buried_run_succeeds_without_effect(yard: Yard):
    granted = yard.running()
    first = yard.fail(granted, retryable=False)
    assert yard.fail(granted, retryable=False) == first
    assert yard.story(granted).count("dead_lettered") == 1


def test_one_who_did_not_complete_a_run_cannot_pretend_to(yard: Yard):
    former = yard.running()
    yard.after(seconds=60)
    yard.complete(yard.claim_one())
    refused(yard, Yard.complete, former)


def test_an_output_that_does_not_match_the_schema_is_refused_and_the_lease_stays(yard: Yard):
    yard.job(policy=Policy(output_schema='{"type": "integer"}'))
    granted = yard.running(job="job")
    with pytest.raises(PayloadMismatch):
        yard.complete(granted, '"text"')
    assert yard.state(granted) is RunState.RUNNING
    assert yard.complete(granted, "5").output == "5"


def test_a_released_run_is_queued_again_without_using_up_an_attempt(yard: Yard):
    granted = yard.running()
    run = yard.release(granted, reason="draining")
    assert (run.state, run.attempt, run.worker, run.queued_at) == (RunState.QUEUED, 1, None, granted.run.queued_at)
    assert yard.last(run)["reason"] == "draining"
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["released"]
    again = yard.claim_one()
    assert (again.run.id, again.run.epoch, again.run.attempt) == (run.id, 2, 1)


def test_a_run_released_for_later_is_claimed_only_then(yard: Yard):
    granted = yard.running()
    yard.release(granted, delay=5 * SECOND)
    assert yard.claim() == []
    yard.after(seconds=4)
    assert yard.claim() == []
    yard.after(seconds=1)
    assert yard.claim_one().run.id == granted.run.id


def test_a_released_run_stands_where_it_stood(yard: Yard, clock):
    first = yard.claimed()
    clock.forward(seconds=1)
    yard.create()
    yard.release(first)
    assert yard.claim_one().run.id == first.run.id


def test_each_of_many_reports_is_answered_for_itself(yard: Yard):
    yard.create_many(4)
    one, two, three, four = yard.claim(4)
    yard.cancel(two)

    def report(granted: Granted, **said: Any) -> leases.Complete:
        proof: dict[str, Any] = {"project_id": 1, "run_id": granted.run.id, "token": granted.lease.token}
        return leases.Complete(**(proof | said))

    outcomes = yard.store.transact(
        leases.complete, [report(four), report(two), report(three, run_id="nonsense"), report(one, output="1")]
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [leases.Reported, LeaseLost, NotFound, leases.Reported]
    assert [yard.state(granted) for granted in (one, two, three, four)] == [
        RunState.COMPLETED,
        RunState.CANCELED,
        RunState.CLAIMED,
        RunState.COMPLETED,
    ]


def proof(granted: Granted) -> dict[str, Any]:
    return {"project_id": 1, "run_id": granted.run.id, "token": granted.lease.token}


def test_two_heartbeats_that_wait_together_both_count(yard: Yard, clock):
    granted = yard.running()
    clock.forward(seconds=1)
    beats = [leases.Heartbeat(**proof(granted), lease=lease) for lease in (90 * SECOND, None)]
    outcomes = yard.store.transact(leases.heartbeat, beats)
    assert [type(outcome) for outcome in outcomes] == [leases.Reported, leases.Reported]
    assert yard.run(granted).lease_until == clock.now() + granted.run.policy.lease


def test_a_completion_sent_twice_at_once_counts_once_and_is_answered_twice(yard: Yard):
    granted = yard.running()
    reports = [leases.Complete(**proof(granted), output=output) for output in ("1", "2")]
    outcomes = yard.store.transact(leases.complete, reports)
    assert [outcome.run.output for outcome in outcomes] == ["1", "1"]
    assert yard.story(granted).count("completed") == 1


def test_a_stale_report_beside_the_good_one_does_not_hurt_it(yard: Yard):
    granted = yard.running()
    reports = [
        leases.Complete(**(proof(granted) | {"token": "rl_stale"}), output="1"),
        leases.Complete(**proof(granted), output="2"),
        leases.Complete(**(proof(granted) | {"token": "rl_stale"}), output="3"),
    ]
    outcomes = yard.store.transact(leases.complete, reports)
    assert [type(outcome) for outcome in outcomes] == [LeaseLost, leases.Reported, LeaseLost]
    assert yard.run(granted).output == "2"


def test_a_failure_sent_twice_at_once_uses_up_one_attempt(yard: Yard):
    granted = yard.running()
    reports = [leases.Fail(**proof(granted), failure=Failure(message="broke"))] * 2
    outcomes = yard.store.transact(leases.fail, reports)
    assert [type(outcome) for outcome in outcomes] == [leases.Reported, leases.Reported]
    assert yard.run(granted).attempt == 2


def test_two_different_failures_at_once_use_up_one_attempt(yard: Yard):
    granted = yard.running()
    reports = [leases.Fail(**proof(granted), failure=Failure(message=message)) for message in ("one", "other")]
    outcomes = yard.store.transact(leases.fail, reports)
    assert [type(outcome) for outcome in outcomes] == [leases.Reported, LeaseLost]
    assert yard.run(granted).attempt == 2


def test_a_thousand_reports_on_one_run_in_one_call_do_no_harm(yard: Yard):
    granted = yard.running()
    beats = [leases.Heartbeat(**proof(granted), lease=SECOND + n) for n in range(1000)]
    outcomes = yard.store.transact(leases.heartbeat, beats)
    assert [type(outcome) for outcome in outcomes] == [leases.Reported] * rounds.ROUNDS + [Conflict] * (
        1000 - rounds.ROUNDS
    )
