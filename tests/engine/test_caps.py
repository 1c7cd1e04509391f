"""Limits that change while runs are live."""

from __future__ import annotations

import pytest

from runyard.domain.jobs import JobSpec
from runyard.engine import caps, jobs


@pytest.fixture(autouse=True)
def _checked(yard):
    """After each of these tests the lanes' counts must be true."""


@pytest.fixture
def small(monkeypatch):
    """Slices so small that a handful of runs takes several."""
    monkeypatch.setattr(caps, "SLICE", 3)
    monkeypatch.setattr(caps, "LANES", 2)


def make(store, **spec):
    return store.transact(jobs.create, 1, name="build", spec=JobSpec(**spec))


def change(store, **spec):
    return store.transact(jobs.update, 1, "build", spec=spec)


def claimable(store):
    return store.look(lambda tx: tx.rows("SELECT COUNT(*) FROM runs WHERE state = 'queued' AND hold IS NULL"))[0][0]


def settle(store):
    passes = 0
    while store.transact(caps.settle):
        passes += 1
        assert passes < 100
    return passes


def pending(store):
    return store.look(lambda tx: tx.rows("SELECT job_id FROM cap_changes"))


def test_a_limit_put_on_a_job_holds_its_queued_runs_back(store, yard):
    make(store)
    yard.create_many(5, job="build")
    change(store, max_concurrency=2)
    assert claimable(store) == 2
    assert len(yard.claim(10)) == 2


def test_runs_that_executors_hold_count_when_a_limit_comes(store, yard):
    make(store)
    yard.create_many(5, job="build")
    held = yard.claim(3)
    change(store, max_concurrency=4)
    assert len(yard.claim(10)) == 1
    for granted in held:
        yard.complete(granted)
    assert len(yard.claim(10)) == 1


def test_runs_beyond_a_new_limit_that_executors_hold_already_go_on(store, yard):
    make(store)
    yard.create_many(5, job="build")
    held = yard.claim(4)
    change(store, max_concurrency=2)
    assert yard.claim(10) == []
    for granted in held[:2]:
        yard.complete(granted)
    assert yard.claim(10) == []
    yard.complete(held[2])
    assert len(yard.claim(10)) == 1


def test_the_best_runs_stay_claimable_under_a_new_limit(store, yard):
    make(store)
    low = yard.create_many(3, job="build", priority=1)
    high = yard.create(job="build", priority=9)
    change(store, max_concurrency=1)
    assert yard.claim_one().run.id == high.id
    assert all(yard.run(run).hold == "lane" for run in low)


def test_a_lowered_limit_calls_claimable_runs_back(store, yard):
    make(store, max_concurrency=4)
    yard.create_many(6, job="build")
    assert claimable(store) == 4
    change(store, max_concurrency=1)
    assert claimable(store) == 1


def test_a_raised_limit_lets_held_runs_through(store, yard):
    make(store, max_concurrency=1)
    yard.create_many(6, job="build")
    change(store, max_concurrency=4)
    assert claimable(store) == 4


def test_a_removed_limit_holds_nobody(store, yard):
    make(store, max_concurrency=1)
    yard.create_many(6, job="build")
    change(store, max_concurrency=None)
    assert len(yard.claim(10)) == 6
    yard.create(job="build")
    assert len(yard.claim(10)) == 1


def test_a_limit_that_comes_back_counts_everybody(store, yard):
    make(store, max_concurrency=3)
    yard.create_many(2, job="build")
    change(store, max_concurrency=None)
    yard.create_many(3, job="build")
    assert len(yard.claim(1)) == 1
    change(store, max_concurrency=2)
    assert len(yard.claim(10)) == 1


def test_a_limit_per_key_acts_on_each_key_alone(store, yard):
    make(store)
    yard.create_many(3, job="build", concurrency_key="red")
    yard.create_many(3, job="build", concurrency_key="blue")
    yard.create_many(2, job="build")
    change(store, max_per_key=1)
    assert claimable(store) == 4
    change(store, max_per_key=2)
    assert claimable(store) == 6
    change(store, max_per_key=1)
    assert claimable(store) == 4
    change(store, max_per_key=None)
    assert claimable(store) == 8


def test_both_limits_act_together(store, yard):
    make(store)
    yard.create_many(3, job="build", concurrency_key="red")
    yard.create_many(3, job="build", concurrency_key="blue")
    change(store, max_concurrency=3, max_per_key=2)
    first = yard.claim(10)
    assert len(first) == 3
    assert max(sum(granted.run.concurrency_key == key for granted in first) for key in ("red", "blue")) <= 2
    for granted in first:
        yard.complete(granted)
    assert len(yard.claim(10)) == 3


def test_runs_that_wait_for_something_else_obey_a_new_limit_when_they_are_back(store, yard, clock):
    make(store)
    yard.create(job="build", available_at=clock.now() + 10_000_000)
    failing = yard.running(job="build")
    yard.fail(failing)
    paused = yard.create(job="build")
    yard.pause(paused)
    change(store, max_concurrency=1)
    yard.after(minutes=5)
    yard.resume(paused)
    assert claimable(store) == 1
    assert len(yard.claim(10)) == 1


def test_a_limit_of_one_runs_own_is_left_alone_by_the_jobs_other_limit(store, yard):
    make(store)
    yard.create_many(3, job="build", concurrency_key="red", max_per_key=1)
    change(store, max_concurrency=2)
    assert claimable(store) == 1


def test_more_runs_than_a_slice_are_told_by_later_passes(store, yard, small):
    make(store)
    yard.create_many(10, job="build")
    change(store, max_concurrency=2)
    assert settle(store) >= 3
    assert claimable(store) == 2
    assert len(yard.claim(20)) == 2


def test_more_surplus_than_a_slice_is_called_back_by_later_passes(store, yard, small):
    make(store, max_concurrency=10)
    yard.create_many(10, job="build")
    change(store, max_concurrency=1)
    settle(store)
    assert claimable(store) == 1


def test_more_keys_than_a_pass_narrows_are_narrowed_by_later_ones(store, yard, small):
    make(store, max_per_key=2)
    for number in range(5):
        yard.create_many(2, job="build", concurrency_key=f"key-{number}")
    change(store, max_per_key=1)
    settle(store)
    assert claimable(store) == 5
    change(store, max_per_key=2)
    settle(store)
    assert claimable(store) == 10


def test_a_change_is_looked_at_once_more_after_a_while_and_then_forgotten(store, clock):
    make(store)
    change(store, max_concurrency=2)
    assert settle(store) == 0
    assert pending(store)
    clock.forward(seconds=11)
    assert settle(store) == 1
    assert not pending(store)


def test_a_run_made_by_the_old_definition_at_the_same_time_is_told_later(store, yard, clock):
    made = make(store)
    change(store, max_concurrency=1)
    yard.create_many(3, job="build")
    # As another server leaves them that read the job just before the change.
    store.transact(
        lambda tx: (
            tx.run("UPDATE runs SET job_lane = NULL, hold = NULL, hold_lane = NULL WHERE job_id = :id", id=made.id),
            tx.run("UPDATE lanes SET used = 0, cap = 7"),
        )
    )
    clock.forward(seconds=11)
    settle(store)
    assert claimable(store) == 1


def test_changes_of_a_job_that_was_deleted_are_dropped(store, clock):
    make(store)
    change(store, max_concurrency=1)
    store.transact(lambda tx: tx.run("DELETE FROM jobs"))
    clock.forward(seconds=11)
    assert settle(store) == 1
    assert not pending(store)
