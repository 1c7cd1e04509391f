"""Execution windows: runs are put off until their job's window opens."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Invalid
from runyard.domain.states import RunState
from runyard.engine import explain
from tests.support.triggering import DAY, HOUR, limit, trigger, triggered
from tests.support.yard import Yard


def test_a_run_outside_of_the_jobs_window_is_put_off_until_it_opens(yard: Yard, clock):
    clock.at = clock.at - clock.at % DAY + 8 * HOUR
    yard.job(window="* 9-17 * * *", ttl=HOUR)
    run = triggered(yard)
    opens = clock.now() + HOUR
    assert (run.state, run.available_at, run.expires_at) == (RunState.SCHEDULED, opens, opens + HOUR)
    reason = yard.store.look(explain.explain, 1, run.id).reasons[0]
    assert (reason.code, reason.until) == ("window", opens)
    yard.after(hours=1)
    assert yard.state(run) is RunState.QUEUED
    assert triggered(yard).state is RunState.QUEUED


def test_a_window_moves_a_later_start_and_leaves_one_inside_alone(yard: Yard, clock):
    clock.at = clock.at - clock.at % DAY
    yard.job(window="* 9-17 * * *", timezone="Asia/Tokyo")
    inside = clock.now() + 2 * HOUR + 123
    assert triggered(yard, available_at=inside).available_at == inside
    assert triggered(yard, available_at=clock.now() + 10 * HOUR).available_at == clock.now() + DAY
    assert yard.create(job="job", available_at=clock.now() + 10 * HOUR).available_at == clock.now() + DAY


def test_a_window_without_zone_is_read_in_that_of_the_project(yard: Yard, clock):
    clock.at = clock.at - clock.at % DAY
    limit(yard, timezone="Asia/Tokyo")
    yard.job(window="0 12 * * *")
    assert triggered(yard).available_at == clock.now() + 3 * HOUR


def test_a_start_beyond_all_calendars_is_refused_where_there_is_a_window(yard: Yard):
    yard.job(window="0 12 * * *")
    with pytest.raises(Invalid, match="window"):
        yard.create(job="job", available_at=253_402_300_799_000_000)
    with pytest.raises(Invalid, match="ten years"):
        trigger(yard, available_at=253_402_300_799_000_000)


def test_a_run_put_off_by_its_window_can_be_paused_and_resumed(yard: Yard, clock):
    clock.at = clock.at - clock.at % DAY
    yard.job(window="* 9-17 * * *")
    run = triggered(yard)
    yard.pause(run)
    assert yard.resume(run).state is RunState.SCHEDULED
