"""Schedules: ticks made once, at their time, in their zone, and what follows when they were missed."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from runyard.domain.jobs import Cron, Rate
from runyard.domain.records import Job, Run
from runyard.domain.states import RunState
from runyard.engine import jobs, projects, schedules
from runyard.storage.port import Tx
from tests.support.yard import SECOND, Yard, all_runs

MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


@pytest.fixture
def yard(yard: Yard, clock) -> Yard:
    """A yard at midnight, so that what is due when is easily told."""
    clock.at -= clock.at % DAY
    return yard


def planned(yard: Yard, name: str = "job", cron: str | Cron = "0 * * * *", **spec: Any) -> Job:
    """A job with a schedule."""
    return yard.job(name, cron=Cron(expression=cron) if isinstance(cron, str) else cron, **spec)


def fired(yard: Yard) -> list[Run]:
    """The runs that a pass made."""
    before = {run.id for run in yard.store.look(all_runs)}
    yard.store.transact(schedules.fire)
    return [run for run in yard.store.look(all_runs) if run.id not in before]


def next_at(yard: Yard) -> int | None:
    return yard.store.look(schedules.next_due)


def said(run: Run) -> dict[str, Any]:
    """The run's metadata."""
    found: dict[str, Any] = msgspec.json.decode(run.metadata or "{}")
    return found


def skipped(yard: Yard) -> list[str]:
    """Why ticks were dropped."""

    def read(tx: Tx) -> list[str]:
        rows = tx.rows("SELECT data FROM events WHERE type = 'schedule.skipped' ORDER BY seq")
        return [msgspec.json.decode(row[0])["reason"] for row in rows]

    return yard.store.look(read)


def test_a_tick_makes_a_run_of_the_job_as_it_is_now(yard: Yard, clock):
    job = planned(yard, tags={"team": "x"}, priority=3)
    assert fired(yard) == []
    clock.forward(hours=1)
    (run,) = fired(yard)
    assert (run.job_id, run.trigger, run.created_by, run.payload) == (job.id, "cron", "system:cron", "null")
    assert (run.tags, run.priority, run.state, run.expires_at) == ('{"team":"x"}', 3, RunState.QUEUED, None)
    assert said(run) == {"cron_tick": schedules._time(clock.now())}
    assert fired(yard) == []
    assert next_at(yard) == clock.now() + 60 * MINUTE


def test_a_cron_run_expires_only_when_the_job_has_a_time_to_live(yard: Yard, clock):
    planned(yard, ttl=MINUTE)
    clock.forward(hours=1)
    assert [run.expires_at for run in fired(yard)] == [clock.now() + MINUTE]


def test_ticks_missed_in_a_downtime_make_one_run_for_all_of_them(yard: Yard, clock):
    planned(yard)
    clock.forward(hours=5, minutes=20)
    (run,) = fired(yard)
    assert said(run) == {"cron_tick": schedules._time(clock.now() - 20 * MINUTE), "cron_missed": 4}
    assert next_at(yard) == clock.now() + 40 * MINUTE


def test_ticks_missed_in_a_downtime_make_none_where_the_job_says_so(yard: Yard, clock):
    planned(yard, cron=Cron(expression="0 * * * *", catch_up="none"))
    clock.forward(hours=5, minutes=20)
    assert fired(yard) == []
    clock.forward(minutes=40, seconds=2)
    assert len(fired(yard)) == 1


def test_a_long_downtime_is_counted_to_a_bound(yard: Yard, clock):
    planned(yard, cron="* * * * *")
    clock.forward(hours=24 * 30)
    (run,) = fired(yard)
    assert said(run)["cron_missed"] == schedules.COUNTED - 1
    assert next_at(yard) == clock.now() + MINUTE


def test_a_pass_makes_so_many_jobs_and_leaves_the_others_due(yard: Yard, clock):
    for n in range(5):
        planned(yard, f"job{n}")
    clock.forward(hours=1)
    assert yard.store.transact(schedules.fire, 3) == 3
    assert yard.store.transact(schedules.fire, 3) == 2
    assert yard.store.transact(schedules.fire, 3) == 0
    assert sorted(run.job_name or "" for run in yard.store.look(all_runs)) == [f"job{n}" for n in range(5)]


def test_cron_runs_overlap_unless_the_job_says_otherwise(yard: Yard, clock):
    planned(yard)
    for _ in range(3):
        clock.forward(hours=1)
        assert len(fired(yard)) == 1


def test_skip_drops_the_tick_while_a_run_is_under_way_and_says_so(yard: Yard, clock):
    planned(yard, cron=Cron(expression="0 * * * *", overlap="skip"))
    clock.forward(hours=1)
    (run,) = fired(yard)
    clock.forward(hours=1)
    assert fired(yard) == []
    granted = yard.claim_one()
    clock.forward(seconds=30)
    yard.start(granted)
    yard.complete(granted)
    assert skipped(yard) == ["runs of the job are under way"]
    clock.forward(hours=1)
    (another,) = fired(yard)
    assert another.id != run.id


def test_skip_does_not_look_at_runs_for_later(yard: Yard, clock):
    planned(yard, cron=Cron(expression="0 * * * *", overlap="skip"))
    yard.create(job="job", available_at=clock.now() + 30 * DAY)
    clock.forward(hours=1)
    assert len(fired(yard)) == 1


def test_cancel_ends_what_is_under_way_and_makes_its_own(yard: Yard, clock):
    planned(yard, cron=Cron(expression="0 * * * *", overlap="cancel"))
    clock.forward(hours=1)
    (first,) = fired(yard)
    clock.forward(hours=1)
    (second,) = fired(yard)
    assert yard.state(first) is RunState.CANCELED
    assert yard.state(second) is RunState.QUEUED


def test_a_schedule_goes_by_the_zone_of_its_job(yard: Yard, clock):
    planned(yard, cron="0 12 * * *", timezone="Asia/Tokyo")
    assert next_at(yard) == clock.now() + 3 * 60 * MINUTE


def test_a_schedule_without_zone_goes_by_its_project_and_follows_it(yard: Yard, clock):
    yard.store.transact(projects.ensure_default)
    planned(yard, cron="0 12 * * *")
    planned(yard, "other", cron="0 12 * * *", timezone="UTC")
    assert next_at(yard) == clock.now() + 12 * 60 * MINUTE
    yard.store.transact(projects.update, 1, settings={"timezone": "Asia/Tokyo"})
    assert next_at(yard) == clock.now() + 3 * 60 * MINUTE
    found = yard.store.look(schedules.page, 1)
    assert [(one.job.name, one.zone) for one in found] == [("other", "UTC"), ("job", "Asia/Tokyo")]


def test_a_changed_zone_is_brought_to_schedules_slice_by_slice(yard: Yard, clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schedules, "SLICE", 4)
    yard.store.transact(projects.ensure_default)
    for number in range(10):
        planned(yard, f"job-{number}", cron="0 12 * * *", **({"timezone": "UTC"} if number == 5 else {}))
    old, new = clock.now() + 12 * 60 * MINUTE, clock.now() + 3 * 60 * MINUTE

    def times() -> list[int]:
        return [one.next[0] for one in yard.store.look(schedules.page, 1)]

    yard.store.transact(projects.update, 1, settings={"timezone": "Asia/Tokyo"})
    assert times() == [new] * 4 + [old] * 6
    assert yard.store.transact(schedules.settle) == 1
    assert times() == [new] * 4 + [old] + [new] * 3 + [old] * 2
    # Changed again before all know: from the start.
    yard.store.transact(projects.update, 1, settings={"timezone": "UTC"})
    assert times() == [old] * 5 + [new] * 3 + [old] * 2
    while yard.store.transact(schedules.settle):
        pass
    assert times() == [old] * 10


def test_a_tick_that_is_due_is_made_though_the_zone_changes(yard: Yard, clock):
    yard.store.transact(projects.ensure_default)
    planned(yard, cron="0 12 * * *")
    clock.forward(hours=12, seconds=1)
    yard.store.transact(projects.update, 1, settings={"timezone": "Asia/Tokyo"})
    assert len(fired(yard)) == 1
    assert next_at(yard) == clock.now() - SECOND + 15 * 60 * MINUTE


def test_two_servers_plan_a_slice_once(two_servers, clock, monkeypatch: pytest.MonkeyPatch):
    here, there = two_servers
    monkeypatch.setattr(schedules, "SLICE", 4)
    here.transact(projects.ensure_default)
    for number in range(5):
        planned(Yard(here, clock), f"job-{number}", cron="0 12 * * *")
    here.transact(projects.update, 1, settings={"timezone": "Asia/Tokyo"})

    def both(tx: Tx) -> tuple[int, int]:
        # The other server passes over what this one has locked.
        return schedules.settle(tx), there.transact(schedules.settle)

    assert here.transact(both) == (1, 0)
    assert there.transact(schedules.settle) == 0


def test_an_edit_acts_at_once_and_a_disabled_job_has_no_ticks(yard: Yard, clock):
    planned(yard)
    planned(yard, cron="30 * * * *")
    assert next_at(yard) == clock.now() + 30 * MINUTE
    yard.store.transact(jobs.update, 1, "job", enabled=False)
    assert next_at(yard) is None
    clock.forward(hours=3)
    yard.store.transact(jobs.update, 1, "job", enabled=True)
    assert fired(yard) == []
    assert next_at(yard) == clock.now() + 30 * MINUTE


def test_a_tick_that_is_due_survives_an_edit(yard: Yard, clock):
    planned(yard)
    clock.forward(hours=1, seconds=1)
    planned(yard, cron="30 * * * *")
    assert len(fired(yard)) == 1
    assert next_at(yard) == clock.now() + 30 * MINUTE - SECOND


def test_a_tick_that_a_limit_refuses_is_dropped_and_told(yard: Yard, clock):
    planned(yard, cron="* * * * *", rate=Rate(max=1, window=60 * MINUTE, mode="refuse"))
    clock.forward(minutes=1)
    assert len(fired(yard)) == 1
    clock.forward(minutes=1)
    assert fired(yard) == []
    assert "takes 1 runs" in skipped(yard)[0]


def test_a_cron_run_is_no_repetition_of_the_one_before(yard: Yard, clock):
    planned(yard, dedup_window=DAY, payload_schema='{"type":"object"}')
    for _ in range(2):
        clock.forward(hours=1)
        assert len(fired(yard)) == 1


def test_the_next_times_of_a_schedule_are_told(yard: Yard, clock):
    job = planned(yard, cron="0 */6 * * *")
    found = yard.store.look(schedules.of_job, job, 3)
    assert found is not None
    assert (found.expression, found.zone, found.last_at) == ("0 */6 * * *", "UTC", None)
    assert found.next == [clock.now() + hours * 60 * MINUTE for hours in (6, 12, 18)]
    clock.forward(hours=6)
    fired(yard)
    (listed,) = yard.store.look(schedules.page, 1)
    assert (listed.last_at, listed.next[0]) == (clock.now(), clock.now() + 6 * 60 * MINUTE)


def test_two_servers_make_a_tick_once(two_servers, clock):
    first, second = two_servers
    clock.at -= clock.at % DAY
    yard = Yard(first, clock)
    for n in range(20):
        planned(yard, f"job{n}")
    clock.forward(hours=1)

    async def both() -> None:
        await asyncio.gather(*(store.write(schedules.fire, 7) for store in two_servers for _ in range(6)))

    asyncio.run(both())
    while first.transact(schedules.fire):
        pass
    names = [run.job_name for run in first.look(all_runs)]
    assert sorted(names) == sorted(f"job{n}" for n in range(20))
    assert second.look(schedules.next_due) == clock.now() + 60 * MINUTE
