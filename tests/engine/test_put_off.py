"""Triggers that were put off and come due together are made in a few statements, however many they are."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.jobs import NewRun
from runyard.engine import buffers, debounces, triggers
from runyard.storage.port import Row, Tx
from tests.support.asking import asked_of_the_store
from tests.support.yard import SECOND, Yard, all_runs

JOBS = 12


def with_jobs(yard: Yard, spec: dict[str, Any]) -> None:
    for number in range(JOBS):
        yard.job(f"job-{number}", **spec)


def left(tx: Tx) -> list[Row]:
    return [row for table in ("debounced", "buffered", "buffers") for row in tx.rows(f"SELECT job_id FROM {table}")]


def trigger(yard: Yard, number: int, **key: Any) -> None:
    """Two triggers of one key, to one of the jobs."""
    for again in ("a", "b"):
        new = NewRun(payload=f'"{number}{again}"', idempotency_key=f"{number}{again}")
        one = triggers.Trigger(run=new, **key)
        call = triggers.TriggerRequest(project_id=1, job=f"job-{number % JOBS}", triggers=(one,))
        yard.store.transact(triggers.trigger, [call])


@pytest.mark.parametrize(
    ("window", "key", "fire", "payloads"),
    [
        ("debounce_window", "debounce_key", debounces.fire, ['"{n}b"']),
        ("batch_window", "batch_key", buffers.flush, ['{{"items":["{n}a","{n}b"]}}']),
    ],
)
def test_many_that_are_due_ask_the_store_as_often_as_few(yard: Yard, window, key, fire, payloads):
    with_jobs(yard, {window: SECOND})
    needed: list[int] = []
    expected: list[str] = []
    for count in (2, 12):
        for number in range(100 * count, 101 * count):
            trigger(yard, number, **{key: f"key-{number // 2}"})
            expected += [text.format(n=number) for text in payloads]
        yard.clock.forward(seconds=1)
        before = len(yard.store.look(all_runs))
        needed.append(asked_of_the_store(yard.store, fire))
        assert len(yard.store.look(all_runs)) == before + count
    assert needed[0] == needed[1]
    assert sorted(run.payload for run in yard.store.look(all_runs)) == sorted(expected)
    assert yard.store.look(left) == []


@pytest.mark.parametrize(
    ("window", "key", "fire"),
    [("debounce_window", "debounce_key", debounces.fire), ("batch_window", "batch_key", buffers.flush)],
)
def test_what_is_not_due_stays(yard: Yard, window, key, fire):
    with_jobs(yard, {window: 10 * SECOND})
    trigger(yard, 0, **{key: "one"})
    trigger(yard, 1, **{key: "two"})
    yard.clock.forward(seconds=5)
    # The keys of what is due, each of the other job.
    trigger(yard, 2, **{key: "two"})
    trigger(yard, 3, **{key: "one"})
    yard.clock.forward(seconds=5)
    assert yard.store.transact(fire) == 2
    assert len(yard.store.look(all_runs)) == 2
    yard.clock.forward(seconds=5)
    assert yard.store.transact(fire) == 2
    assert len(yard.store.look(all_runs)) == 4
