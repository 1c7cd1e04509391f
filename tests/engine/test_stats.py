"""Counts: right while they are small, bounded when they are not."""

from __future__ import annotations

import pytest

from runyard.domain.errors import NotFound
from runyard.domain.states import RunState
from runyard.engine import stats


def counts(store, since=0, **asked):
    return store.look(stats.counts, 1, since=since, **asked)


def queues(store, project_id=1):
    return {queue.queue: queue for queue in store.look(stats.queues, project_id)}


def test_runs_are_counted_by_state(store, yard):
    yard.create_many(3)
    yard.create(draft=True)
    yard.complete(yard.running(priority=9))
    yard.buried(priority=9)
    found = counts(store)
    assert {state: count for state, count in found.states.items() if count} == {
        "queued": 3,
        "draft": 1,
        "completed": 1,
        "dead_letter": 1,
    }
    assert set(found.states) == {state.value for state in RunState}
    assert found.more == []


def test_runs_of_one_job_are_counted_apart(store, yard):
    job = yard.job("build")
    yard.create_many(2, job="build")
    yard.complete(yard.running(job="build", priority=9))
    yard.cancel(yard.create(job="build"))
    yard.create_many(5)
    for wanted in ("build", job.id):
        found = counts(store, job=wanted)
        assert {state: count for state, count in found.states.items() if count} == {
            "queued": 2,
            "completed": 1,
            "canceled": 1,
        }
        assert (found.outcomes["succeeded"], found.outcomes["canceled"]) == (1, 1)
    with pytest.raises(NotFound):
        counts(store, job="nobody")


def test_outcomes_are_counted_since_a_time(store, yard, clock):
    yard.job("build")
    yard.complete(yard.running(job="build"))
    clock.forward(seconds=10)
    since = clock.now()
    yard.complete(yard.running(job="build"))
    yard.buried(job="build")
    yard.cancel(yard.create(job="build"))
    for asked in ({}, {"job": "build"}):
        found = counts(store, since, **asked)
        assert (found.outcomes["succeeded"], found.outcomes["failed"], found.outcomes["canceled"]) == (1, 1, 1)
        assert found.ended["dead_letter"] == 1
        assert counts(store, **asked).ended["completed"] == 2


def test_another_projects_runs_are_not_counted(store, yard):
    yard.complete(yard.running())
    yard.create()
    found = store.look(stats.counts, 2, since=0)
    assert set(found.states.values()) == {0}
    assert set(found.outcomes.values()) | set(found.ended.values()) == {0}
    assert queues(store, 2) == {}


def test_counting_stops_and_says_so(store, yard, monkeypatch):
    monkeypatch.setattr(stats, "COUNTED", 3)
    yard.create_many(5)
    for _ in range(4):
        yard.complete(yard.running(priority=9))
    found = counts(store)
    assert (found.states["queued"], found.ended["completed"]) == (3, 3)
    assert found.more == ["queued", "completed", "ended:completed"]
    assert queues(store)["default"].more


def test_queues_tell_what_is_ready_held_and_running(store, yard):
    yard.job("build", queue="fast", max_concurrency=2)
    yard.create_many(4, job="build")
    yard.claim(1)
    yard.create_many(2, queue="fast", requires=("gpu",))
    yard.create(queue="slow")
    yard.complete(yard.running(queue="done", priority=9))
    found = queues(store)
    assert set(found) == {"fast", "slow"}
    fast = found["fast"]
    assert (fast.ready, fast.held, fast.running, fast.more) == (3, 2, 1, False)
    assert (found["slow"].ready, found["slow"].running) == (1, 0)


def test_a_queue_knows_since_when_its_oldest_run_may_be_claimed(store, yard, clock):
    yard.create(priority=3)
    clock.forward(seconds=5)
    oldest = yard.create(queue="slow", priority=0)
    clock.forward(seconds=5)
    yard.create(queue="slow", priority=10)
    yard.create(queue="slow", requires=("gpu",))
    assert queues(store)["slow"].oldest_ready_at == oldest.queued_at


def test_a_queue_whose_runs_are_all_held_by_executors_has_nothing_ready(store, yard):
    yard.running()
    found = queues(store)["default"]
    assert (found.ready, found.running, found.oldest_ready_at) == (0, 1, None)


def test_scheduled_and_waiting_runs_stand_in_no_queue(store, yard, clock):
    yard.create(available_at=clock.now() + 10**9)
    assert queues(store) == {}


def test_counts_go_along_indexes_alone(shelf):
    from runyard.storage.sql import for_sqlite
    from runyard.storage.statements import stats as sql

    store = shelf.empty("sqlite")
    params = {"project_id": 1, "job_id": "j", "s0": "queued", "state": "completed", "since": 0, "n": 5, "classes": 9}
    for text in (
        sql._capped(0, sql.IN_STATE.replace("#", "0")),
        sql._capped(0, sql.OF_JOB.replace("#", "0")),
        sql.SINCE,
        sql.CLASSES,
    ):
        plan = [
            row[3] for row in store.look(lambda tx, t=text: tx.rows("EXPLAIN QUERY PLAN " + for_sqlite(t), **params))
        ]
        reads = [line for line in plan if "runs" in line and "run_classes" not in line]
        assert reads
        assert all("INDEX" in line for line in reads), plan
