"""Every state of a run can be explained, with what would change it."""

from __future__ import annotations

import pytest

from runyard.domain.errors import NotFound
from runyard.domain.jobs import Rate
from runyard.domain.moves import move
from runyard.engine import claimers, explain, runs, transitions
from runyard.engine.claims import ClaimRequest
from tests.support.yard import id_of


def why(store, run):
    """The explanation; everything in it must be said."""
    found = store.look(explain.explain, 1, id_of(run))
    assert found.summary == found.reasons[0].detail
    assert all(reason.code and reason.detail and reason.remedy for reason in found.reasons)
    return found


def codes(store, run):
    return [reason.code for reason in why(store, run).reasons]


def worker(store, **request):
    store.transact(claimers.seen, ClaimRequest(project_id=1, worker="w-1", **request))


def test_a_draft_waits_to_be_asked_for(store, yard):
    assert codes(store, yard.create(draft=True)) == ["draft"]


def test_a_scheduled_run_says_until_when(store, yard, clock):
    run = yard.create(available_at=clock.now() + 3600 * 10**6)
    (reason,) = why(store, run).reasons
    assert (reason.code, reason.until) == ("scheduled", run.available_at)


def test_a_rate_limited_run_says_when_its_turn_is(store, yard):
    yard.job("build", rate=Rate(max=1, window=60 * 10**6))
    yard.create(job="build")
    run = yard.create(job="build")
    (reason,) = why(store, run).reasons
    assert (reason.code, reason.until) == ("rate_limit", run.available_at)


def test_a_run_between_tries_says_which_comes_and_what_went_wrong(store, yard):
    run = yard.fail(yard.running(policy={"max_attempts": 4}), "boom", message="no route")
    (reason,) = why(store, run).reasons
    assert (reason.code, reason.until) == ("retry_wait", run.next_retry_at)
    assert "try 2 of 4" in reason.detail
    assert "no route" in reason.detail


def test_a_run_held_by_its_jobs_limit_names_who_holds_the_places(store, yard):
    yard.job("build", max_concurrency=2)
    holders = [yard.claimed(job="build").run.id for _ in range(2)]
    found = why(store, yard.create(job="build"))
    (reason,) = found.reasons
    assert reason.code == "concurrency_limit"
    assert "2 of 2" in reason.detail
    assert all(holder in reason.detail for holder in holders)
    assert found.position is None


def test_a_run_held_by_its_keys_limit_says_so(store, yard):
    yard.job("build", max_per_key=1)
    yard.create(job="build", concurrency_key="red")
    found = why(store, yard.create(job="build", concurrency_key="red"))
    assert found.reasons[0].code == "key_limit"
    assert "'red'" in found.summary
    assert "wait to be claimed" in found.summary


def test_a_run_nobody_asks_for_says_so(store, yard):
    run = yard.create(executor="robot")
    worker(store)
    assert codes(store, run) == ["no_worker"]


def test_a_run_in_a_queue_nobody_asks_for_says_so(store, yard):
    worker(store, queues=("fast",))
    found = why(store, yard.create(queue="slow"))
    assert found.reasons[0].code == "no_worker_for_queue"
    assert "fast" in found.summary


def test_a_run_of_a_job_nobody_takes_says_so(store, yard):
    yard.job("build")
    worker(store, jobs=("test",))
    assert codes(store, yard.create(job="build")) == ["no_worker_for_job"]
    assert codes(store, yard.create()) == ["no_worker_for_job"]


def test_a_run_says_which_capability_everybody_lacks(store, yard):
    worker(store, capabilities=frozenset({"gpu"}))
    found = why(store, yard.create(requires=("gpu", "tpu")))
    assert found.reasons[0].code == "no_worker_with_capabilities"
    assert found.summary.endswith("missing: tpu")


def test_a_worker_that_went_away_is_not_counted_on(store, yard, clock):
    worker(store)
    run = yard.create()
    assert codes(store, run) == ["queued"]
    clock.forward(minutes=3)
    assert codes(store, run) == ["no_worker"]


def test_a_claimable_run_knows_its_place_over_all_jobs_of_its_queue(store, yard):
    worker(store)
    yard.job("build")
    yard.create_many(2)
    yard.create_many(3, job="build", priority=5)
    yard.create_many(4, queue="other")
    run = yard.create(priority=1)
    found = why(store, run)
    assert (found.reasons[0].code, found.position) == ("queued", 3)
    assert why(store, yard.claim_one()).position is None


def test_a_place_is_counted_up_to_a_thousand(store, yard):
    yard.create_many(700)
    yard.create_many(700, priority=1)
    assert why(store, yard.create()).position == 1000


def test_a_time_to_live_that_ends_soon_is_mentioned(store, yard, clock):
    assert codes(store, yard.create(expires_at=clock.now() + 10**7)) == ["no_worker", "expires_soon"]
    assert codes(store, yard.create(expires_at=clock.now() + 10**10)) == ["no_worker"]


@pytest.mark.parametrize("stage", ["claimed", "starting", "running"])
def test_a_run_that_is_held_says_by_whom_and_until_when(store, yard, stage):
    yard.create()
    granted = yard.claim_one(worker="w-7")
    if stage != "claimed":
        yard.start(granted, preparing=stage == "starting")
    (reason,) = why(store, granted).reasons
    assert (reason.code, reason.until) == (stage, granted.lease.until)
    assert "w-7" in reason.detail


def test_a_parent_names_the_children_it_waits_for(store, yard):
    parent = yard.running()
    first, second = (yard.create(parent_id=parent.run.id) for _ in range(2))
    yard.park(parent)
    yard.cancel(first)
    (reason,) = why(store, parent).reasons
    assert reason.code == "waiting_children"
    assert second.id in reason.detail
    assert first.id not in reason.detail


@pytest.mark.parametrize("kind", ["event", "dependency", "decision"])
def test_a_parked_run_says_what_it_waits_for_and_until_when(store, yard, clock, kind):
    granted = yard.running()
    yard.park(granted, kind, until=clock.now() + 10**8, key="go")
    (reason,) = why(store, granted).reasons
    assert (reason.code, reason.until) == (f"waiting_{kind}", clock.now() + 10**8)


def test_a_paused_run_says_who_paused_it_and_why(store, yard):
    run = yard.create()
    yard.pause(run, actor="key:boss", reason="too hot")
    yard.resume(run)
    yard.pause(run, actor="key:eve", reason="still too hot")
    found = why(store, run)
    assert found.reasons[0].code == "paused"
    assert "key:eve" in found.summary
    assert "still too hot" in found.summary


@pytest.mark.parametrize("hold", ["paused", "blocked"])
def test_a_run_held_for_something_above_it_says_so(store, yard, hold):
    run = yard.create()
    store.transact(lambda tx: tx.run("UPDATE runs SET hold = :hold WHERE id = :id", hold=hold, id=run.id))
    assert codes(store, run)[0] in {"paused_above", "blocked"}


def test_a_run_nobody_took_needs_attention(store, yard):
    run = yard.create()
    store.transact(lambda tx: transitions.apply(tx, [move(runs.find(tx, 1, run.id, lock=True), "starve", tx.now)]))
    assert codes(store, run) == ["needs_attention"]


def test_a_completed_run_says_in_which_try(store, yard):
    granted = yard.running()
    yard.complete(granted)
    found = why(store, granted)
    assert found.reasons[0].code == "completed"
    assert "try 1 of 3" in found.summary


def test_a_dead_letter_says_why(store, yard):
    found = why(store, yard.fail(yard.running(), "boom", retryable=False, message="no route"))
    assert found.reasons[0].code == "dead_letter"
    assert "'boom': no route" in found.summary
    assert "cannot be retried" in found.summary


def test_a_failed_run_says_why(store, yard):
    run = yard.fail(yard.running(policy={"dead_letter": False, "max_attempts": 1}), "boom", message="no route")
    found = why(store, run)
    assert found.reasons[0].code == "failed"
    assert "try 1 of 1" in found.summary
    assert "no route" in found.summary


def test_a_canceled_run_says_by_whom_and_why(store, yard):
    run = yard.create()
    yard.cancel(run, actor="key:boss", reason="not needed")
    found = why(store, run)
    assert found.reasons[0].code == "canceled"
    assert "key:boss" in found.summary
    assert "not needed" in found.summary


def test_an_expired_run_says_so(store, yard, clock):
    run = yard.create(expires_at=clock.now() + 10**6)
    yard.after(seconds=2)
    assert codes(store, run) == ["expired"]


def test_a_run_that_took_too_long_says_so(store, yard):
    granted = yard.running(policy={"timeout": 10**6, "retry_timeouts": False})
    yard.after(seconds=2)
    assert codes(store, granted) == ["timed_out"]


def test_another_projects_run_is_not_explained(store, yard):
    run = yard.create()
    for project_id, run_id in ((2, run.id), (1, "nonsense")):
        with pytest.raises(NotFound):
            store.look(explain.explain, project_id, run_id)


def test_a_run_of_a_disabled_job_says_so_first(yard):
    yard.job("build")
    run = yard.create(job="build")
    later = yard.create(job="build", available_at=yard.clock.now() + 3_600_000_000)
    yard.job("build", enabled=False)
    for one, second in ((run, "no_worker"), (later, "scheduled")):
        found = yard.store.look(explain.explain, 1, one.id)
        assert [reason.code for reason in found.reasons] == ["job_disabled", second]
        assert "disabled" in found.summary
        assert found.position is None
    yard.job("build", enabled=True)
    assert yard.store.look(explain.explain, 1, run.id).reasons[0].code != "job_disabled"
