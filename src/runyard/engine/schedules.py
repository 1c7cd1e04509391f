"""Cron: jobs with an expression make runs by the clock, in the time zone of the job, else of its project.

A tick is made once, however many servers look for it. Ticks that nobody made in time (no server was up) are made up
for by one run for all of them, or by none, as the job says; the run's metadata tell which tick it stands for
(`cron_tick`) and for how many more (`cron_missed`). A tick that comes while runs of the job are under way makes another
run, none, or cancels those first. Quotas, rate limits, windows and dependencies hold for these runs as for any other;
a tick that they refuse is dropped, and the journal of the project says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from runyard.domain import cron
from runyard.domain.errors import DomainError
from runyard.domain.jobs import NewRun
from runyard.domain.projects import ProjectSettings
from runyard.domain.records import Job
from runyard.domain.states import LEASED, RunState
from runyard.engine import cancellations, creations, quotas, windows
from runyard.engine.facts import CreateRequest
from runyard.engine.specs import spec_of
from runyard.storage.port import JournalLine, Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import schedules as sql

ACTOR = "system:cron"
BATCH = 100
"""How many jobs one pass makes runs of."""
SLICE = 200
"""How many schedules one transaction plans anew."""
LATE = 60_000_000
"""A tick that is made later than this was missed."""
COUNTED = 1000
"""How many missed ticks are counted."""
CANCELED = 100
"""How many runs a tick cancels at most before it makes its own."""
UNDER_WAY = sorted(state.value for state in LEASED | {RunState.QUEUED, RunState.WAITING})
_json = msgspec.json.Encoder()


class Fires(msgspec.Struct, frozen=True, kw_only=True):
    """A job's schedule and when it fires next."""

    job: Job
    expression: str
    zone: str
    next: list[int]
    last_at: int | None
    """The last tick that was made or dropped."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The ticks of one job that are due: the last of them, and how many there are."""

    job: Job
    tick: int
    ticks: int
    next_at: int | None


def plan(tx: Tx, job: Job) -> None:
    """Let the job be due by its expression as it is now; without one, or disabled, never."""
    spec = spec_of(job)
    if spec.cron is None or not job.enabled:
        forget(tx, job.id)
        return
    zone = windows.zone_of(spec, quotas.settings_of(tx, [job.project_id]).get(job.project_id))
    next_at = _after(spec.cron.expression, zone, tx.now)
    if next_at is None:
        forget(tx, job.id)
    else:
        sql.plan(tx, job, next_at)


def forget(tx: Tx, job_id: str) -> None:
    """Drop the job's schedule."""
    sql.forget(tx, [job_id])


def replan(tx: Tx, project_id: int) -> None:
    """Plan anew what goes by the project's time zone, which changed: a slice at once, what is more by `settle`.

    A job that no slice has reached yet may still make a run at a time of the zone before.
    """
    _plan_slice(tx, sql.note_zone(tx, project_id, BEYOND))


def settle(tx: Tx) -> int:
    """Carry on with one project whose time zone changed; how many projects were looked at (0 when none is due)."""
    change = sql.zone_change(tx)
    if change is None:
        return 0
    _plan_slice(tx, change)
    return 1


def _plan_slice(tx: Tx, change: sql.ZoneChange) -> None:
    found = sql.slice_of(tx, change.project_id, before=change.position, n=SLICE)
    jobs = sql.of_jobs(tx, [job_id for job_id, _ in found])
    settings = quotas.settings_of(tx, [change.project_id]).get(change.project_id)
    planned: list[tuple[int, str]] = []
    over: list[str] = []
    for job_id, next_at in found:
        spec = spec_of(jobs[job_id]) if job_id in jobs else None
        # A tick that is due and was not made yet stays due.
        if spec is None or spec.cron is None or spec.timezone is not None or next_at <= tx.now:
            continue
        after = _after(spec.cron.expression, windows.zone_of(spec, settings), tx.now)
        if after is None:
            over.append(job_id)
        else:
            planned.append((after, job_id))
    if planned:
        sql.replan(tx, planned)
    if over:
        sql.forget(tx, over)
    if len(found) < SLICE:
        sql.zone_done(tx, change.project_id)
    else:
        sql.go_on(tx, change.project_id, found[-1][0])
        tx.wake("zones")


def next_due(tx: Tx) -> int | None:
    """When the first of all jobs is due."""
    return sql.next_due(tx)


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = 50, count: int = 3) -> list[Fires]:
    """The project's schedules, newest job first, each with its next `count` times."""
    settings = quotas.settings_of(tx, [project_id]).get(project_id)
    found = sql.page(tx, project_id, before=BEYOND if before is None else before, n=limit)
    return [_fires(tx, one, settings, count) for one in found]


def of_job(tx: Tx, job: Job, count: int = 3) -> Fires | None:
    """The job's schedule; None when it has none, or is disabled."""
    found = sql.of_job(tx, job.id)
    if found is None:
        return None
    settings = quotas.settings_of(tx, [job.project_id]).get(job.project_id)
    return _fires(tx, sql.Planned(job=job, next_at=found[0], last_at=found[1]), settings, count)


def _fires(tx: Tx, planned: sql.Planned, settings: ProjectSettings | None, count: int) -> Fires:
    spec = spec_of(planned.job)
    zone = windows.zone_of(spec, settings)
    expression = spec.cron.expression if spec.cron is not None else ""
    times = [
        planned.next_at,
        *(cron.upcoming(expression, zone, max(planned.next_at, tx.now), count) if expression else []),
    ]
    return Fires(job=planned.job, expression=expression, zone=zone, next=times[:count], last_at=planned.last_at)


def fire(tx: Tx, limit: int = BATCH) -> int:
    """Make the runs of jobs that are due (at most `limit`); how many jobs were looked at."""
    rows = sql.due(tx, limit)
    if not rows:
        return 0
    jobs = sql.of_jobs(tx, [job_id for job_id, _ in rows])
    settings = quotas.settings_of(tx, {job.project_id for job in jobs.values()})
    due: list[Due] = []
    over: list[str] = []
    for job_id, since in rows:
        if sum(one.ticks for one in due) > limit + COUNTED:
            # Enough counted; the others stay due for the next pass.
            break
        found = _due(jobs[job_id], since, tx.now, settings) if job_id in jobs else None
        if found is not None:
            due.append(found)
        if found is None or found.next_at is None:
            over.append(job_id)
    if over:
        sql.forget(tx, over)
    sql.advance(tx, [(one.next_at, one.tick, one.job.id) for one in due if one.next_at is not None])
    _make(tx, [one for one in due if one.ticks and _goes_on(tx, one)])
    return len({*over, *(one.job.id for one in due)})


def _due(job: Job, since: int, now: int, settings: dict[int, ProjectSettings]) -> Due:
    """What is due of the job, and when it is due next."""
    spec = spec_of(job)
    if spec.cron is None or not job.enabled:
        return Due(job=job, tick=since, ticks=0, next_at=None)
    zone = windows.zone_of(spec, settings.get(job.project_id))
    tick, ticks = since, 1
    next_at = _after(spec.cron.expression, zone, since)
    while next_at is not None and next_at <= now and ticks < COUNTED:
        tick, ticks = next_at, ticks + 1
        next_at = _after(spec.cron.expression, zone, next_at)
    if next_at is not None and next_at <= now:
        next_at = _after(spec.cron.expression, zone, now)
    if spec.cron.catch_up == "none" and tick < now - LATE:
        ticks = 0
    return Due(job=job, tick=tick, ticks=ticks, next_at=next_at)


def _goes_on(tx: Tx, due: Due) -> bool:
    """Whether the tick makes a run, after what the job's overlap policy does with those under way."""
    policy = spec_of(due.job).cron
    if policy is None or policy.overlap == "allow":
        return True
    busy = sql.busy(tx, due.job.id, UNDER_WAY, CANCELED)
    if not busy:
        return True
    if policy.overlap == "skip":
        _skipped(tx, due, "runs of the job are under way")
        return False
    cancellations.cancel_many(tx, due.job.project_id, busy, actor=ACTOR, reason="the next tick of its schedule came")
    return True


def _make(tx: Tx, due: Sequence[Due]) -> None:
    requests = [
        CreateRequest(project_id=one.job.project_id, runs=(_new_run(one),), actor=ACTOR, checks="limits") for one in due
    ]
    for one, outcome in zip(due, creations.create(tx, requests), strict=True):
        if isinstance(outcome, DomainError):
            _skipped(tx, one, outcome.detail)


def _new_run(due: Due) -> NewRun:
    said: dict[str, object] = {"cron_tick": _time(due.tick)}
    if due.ticks > 1:
        said["cron_missed"] = due.ticks - 1
    return NewRun(job=due.job.id, trigger="cron", created_by=ACTOR, metadata=said)


def _skipped(tx: Tx, due: Due, reason: str) -> None:
    said = {"job_id": due.job.id, "job": due.job.name, "tick": _time(due.tick), "reason": reason}
    tx.emit(JournalLine(due.job.project_id, None, "schedule.skipped", ACTOR, _json.encode(said).decode()))


def _after(expression: str, zone: str, micros: int) -> int | None:
    """The next tick; None for an expression that has none, or that is no longer understood."""
    try:
        return cron.next_after(expression, zone, micros)
    except (ValueError, OverflowError):
        return None


def _time(micros: int) -> str:
    return (cron.EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%SZ")
