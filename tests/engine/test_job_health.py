"""How jobs fare: outcomes and durations of what ended lately, from one index."""

from __future__ import annotations

import pytest

from runyard.domain.errors import NotFound
from runyard.engine import job_health
from runyard.storage.statements import job_health as sql
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import SECOND, Yard

HOUR = 3600 * SECOND


def health(yard: Yard, window: int = HOUR):
    return yard.store.look(job_health.health, 1, "build", window=window)


def test_a_job_without_runs_fares_well_and_takes_no_time(yard: Yard):
    yard.job("build")
    found = health(yard)
    assert (found.total, found.success_rate, found.p95, found.average) == (0, 1, None, None)
    with pytest.raises(NotFound):
        yard.store.look(job_health.health, 1, "nothing", window=HOUR)


def test_outcomes_and_durations_are_those_of_the_window(yard: Yard):
    yard.job("build")
    for seconds in range(1, 21):
        granted = yard.running(job="build")
        yard.clock.forward(seconds=seconds)
        yard.complete(granted)
    yard.cancel(yard.create(job="build"))
    yard.buried(job="build")
    found = health(yard)
    assert found.ended == {"completed": 20, "canceled": 1, "dead_letter": 1}
    assert found.success_rate == 20 / 21
    assert (found.average, found.p95, found.p99) == (10.5 * SECOND, 19 * SECOND, 20 * SECOND)
    yard.clock.forward(hours=2)
    assert health(yard).total == 0


def test_only_the_last_runs_of_a_busy_window_are_looked_at(yard: Yard, monkeypatch):
    monkeypatch.setattr(job_health, "EXAMINED", 3)
    yard.job("build")
    for run in yard.create_many(5, job="build"):
        yard.cancel(run)
    assert health(yard).total == 3


def test_what_ended_is_found_by_an_index_in_its_order(shelf: Shelf, engine: str):
    found = plan(shelf.bare(engine), sql.ENDED, job_id="x", since=0, n=10)
    assert "runs_job_last" in found
    assert "TEMP B-TREE" not in found
    assert "Sort" not in found
