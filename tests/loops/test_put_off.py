"""The loops of schedules and of triggers that were put off."""

from __future__ import annotations

import asyncio

import pytest

from runyard.domain.jobs import Cron, NewRun
from runyard.engine import triggers
from runyard.engine.triggers import Trigger, TriggerRequest
from runyard.loops import schedules as schedule_loop
from runyard.loops import triggers as trigger_loop
from tests.support.yard import SECOND, Yard, all_runs


def trigger(yard: Yard, job: str) -> None:
    """Trigger a job."""
    one = Trigger(run=NewRun(payload="1"))
    yard.store.transact(triggers.trigger, [TriggerRequest(project_id=1, job=job, triggers=(one,))])


def test_schedules_rest_until_the_next_tick_and_make_what_is_due(yard: Yard, clock):
    clock.at -= clock.at % (60 * SECOND)
    assert asyncio.run(schedule_loop.fire_once(yard.store)) == schedule_loop.LONGEST_REST
    yard.job("cron", cron=Cron(expression="* * * * *"))
    assert asyncio.run(schedule_loop.fire_once(yard.store)) == schedule_loop.LONGEST_REST
    clock.forward(seconds=59.75)
    assert asyncio.run(schedule_loop.fire_once(yard.store)) == pytest.approx(0.25)
    clock.forward(seconds=0.25)
    assert asyncio.run(schedule_loop.fire_once(yard.store)) == 0
    assert asyncio.run(schedule_loop.fire_once(yard.store)) == schedule_loop.LONGEST_REST
    assert [run.trigger for run in yard.store.look(all_runs)] == ["cron"]


def test_triggers_put_off_make_their_runs_when_their_time_has_come(yard: Yard, clock):
    assert asyncio.run(trigger_loop.fire_once(yard.store)) == trigger_loop.LONGEST_REST
    yard.job("debounced", debounce_window=2 * SECOND)
    yard.job("batched", batch_window=3 * SECOND)
    trigger(yard, "debounced")
    trigger(yard, "batched")
    clock.forward(seconds=1.5)
    assert asyncio.run(trigger_loop.fire_once(yard.store)) == pytest.approx(0.5)
    clock.forward(seconds=0.5)
    assert asyncio.run(trigger_loop.fire_once(yard.store)) == 0
    clock.forward(seconds=1)
    assert asyncio.run(trigger_loop.fire_once(yard.store)) == 0
    assert [run.trigger for run in yard.store.look(all_runs)] == ["debounce", "batch"]


def test_what_is_forgotten_in_time_is_forgotten_by_a_pass(yard: Yard, clock):
    yard.job("job", dedup_window=SECOND)
    trigger(yard, "job")
    clock.forward(seconds=2)
    assert asyncio.run(trigger_loop.tidy_once(yard.store)) is None
    assert yard.store.look(lambda tx: tx.rows("SELECT * FROM payload_marks")) == []
