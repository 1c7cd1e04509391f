"""SQL of schedules: when jobs with a cron expression are due next."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.records import Job
from runyard.storage.port import Tx, Update
from runyard.storage.statements import jobs

PLAN = (
    "INSERT INTO schedules (job_id, project_id, next_at) VALUES (:job_id, :project_id, :next_at) "
    # A tick that is due and was not made yet stays due.
    "ON CONFLICT (job_id) DO UPDATE SET next_at = excluded.next_at WHERE schedules.next_at > :now"
)
FORGET = "DELETE FROM schedules WHERE job_id {among ids}"
NEXT = "SELECT next_at FROM schedules ORDER BY next_at LIMIT 1"
DUE = "SELECT job_id, next_at FROM schedules WHERE next_at <= :now ORDER BY next_at LIMIT :n {skip_locked}"
OF_JOBS = f"SELECT {jobs.COLUMNS} FROM jobs WHERE id {{among ids}}"
ADVANCE = Update("schedules", {"next_at": "bigint", "last_at": "bigint"}, {"job_id": "text"})
PAGE = (
    f"SELECT {', '.join('jobs.' + name for name in jobs.FIELDS)}, schedules.next_at, schedules.last_at "
    "FROM schedules JOIN jobs ON jobs.id = schedules.job_id "
    "WHERE schedules.project_id = :project_id AND schedules.job_id < :before ORDER BY schedules.job_id DESC LIMIT :n"
)
NOTE_ZONE = (
    "INSERT INTO zone_changes (project_id, position, at) VALUES (:project_id, :position, :now) "
    "ON CONFLICT (project_id) DO UPDATE SET position = excluded.position, at = excluded.at"
)
ZONE_OF = "SELECT project_id, position FROM zone_changes WHERE project_id = :project_id {lock}"
ZONE_CHANGE = "SELECT project_id, position FROM zone_changes ORDER BY at LIMIT 1 {skip_locked}"
GO_ON = "UPDATE zone_changes SET position = :position WHERE project_id = :project_id"
ZONE_DONE = "DELETE FROM zone_changes WHERE project_id = :project_id"
SLICE = (
    "SELECT job_id, next_at FROM schedules WHERE project_id = :project_id AND job_id < :before "
    "ORDER BY job_id DESC LIMIT :n {lock}"
)
REPLAN = Update("schedules", {"next_at": "bigint"}, {"job_id": "text"})
OF_JOB = "SELECT next_at, last_at FROM schedules WHERE job_id = :job_id"
# What a job has under way, newest first; runs that wait for a later time are not looked at beyond a bound.
BUSY = (
    "SELECT id FROM (SELECT id, state FROM runs WHERE job_id = :job_id AND finished_at IS NULL "
    "ORDER BY id DESC LIMIT 2000) AS newest WHERE state {among states} ORDER BY id LIMIT :n"
)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A job with a schedule, when it is due next, and when it was last."""

    job: Job
    next_at: int
    last_at: int | None


def plan(tx: Tx, job: Job, next_at: int) -> None:
    """Let the job be due at that time, unless it is due already."""
    tx.run(PLAN, job_id=job.id, project_id=job.project_id, next_at=next_at, now=tx.now)


class ZoneChange(msgspec.Struct, frozen=True):
    """A project whose time zone changed, and the last of its schedules that was planned anew."""

    project_id: int
    position: str


def note_zone(tx: Tx, project_id: int, position: str) -> ZoneChange:
    """Keep in mind that the project's time zone changed; locked."""
    tx.run(NOTE_ZONE, project_id=project_id, position=position, now=tx.now)
    row = tx.row(ZONE_OF, project_id=project_id)
    assert row is not None
    return ZoneChange(*row)


def zone_change(tx: Tx) -> ZoneChange | None:
    """The change noted first that nobody else works on, locked."""
    row = tx.row(ZONE_CHANGE)
    return ZoneChange(*row) if row is not None else None


def go_on(tx: Tx, project_id: int, position: str) -> None:
    """Carry on below that job."""
    tx.run(GO_ON, project_id=project_id, position=position)


def zone_done(tx: Tx, project_id: int) -> None:
    """The change is done with."""
    tx.run(ZONE_DONE, project_id=project_id)


def slice_of(tx: Tx, project_id: int, *, before: str, n: int) -> list[tuple[str, int]]:
    """(job, when it is due next) of the project's schedules below a job's id, newest job first, locked."""
    return [(row[0], row[1]) for row in tx.rows(SLICE, project_id=project_id, before=before, n=n)]


def replan(tx: Tx, rows: Sequence[tuple[int, str]]) -> None:
    """Let jobs whose schedules are locked be due at other times: (when, job)."""
    tx.update(REPLAN, rows)


def forget(tx: Tx, job_ids: Sequence[str]) -> None:
    """Drop schedules."""
    tx.run(FORGET, ids=list(job_ids))


def next_due(tx: Tx) -> int | None:
    """When the first of all jobs is due."""
    row = tx.row(NEXT)
    return int(row[0]) if row else None


def due(tx: Tx, n: int) -> list[tuple[str, int]]:
    """Which jobs are due and since when, locked; longest overdue first."""
    return [(row[0], row[1]) for row in tx.rows(DUE, now=tx.now, n=n)]


def of_jobs(tx: Tx, ids: Sequence[str]) -> dict[str, Job]:
    """The jobs, of whatever project."""
    return {job.id: job for job in map(jobs.from_row, tx.rows(OF_JOBS, ids=list(ids)))}


def advance(tx: Tx, rows: Sequence[tuple[int, int, str]]) -> None:
    """Set (next, last, job)."""
    tx.update(ADVANCE, rows)


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Planned]:
    """The project's schedules below a job's id, newest job first."""
    return [
        Planned(job=jobs.from_row(row[:-2]), next_at=row[-2], last_at=row[-1])
        for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)
    ]


def of_job(tx: Tx, job_id: str) -> tuple[int, int | None] | None:
    """When the job is due next, and was last; None without a schedule."""
    row = tx.row(OF_JOB, job_id=job_id)
    return (row[0], row[1]) if row else None


def busy(tx: Tx, job_id: str, states: Sequence[str], n: int) -> list[str]:
    """Runs of the job that are under way, the first `n`."""
    return [row[0] for row in tx.rows(BUSY, job_id=job_id, states=list(states), n=n)]
