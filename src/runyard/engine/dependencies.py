"""Dependencies between jobs: runs of one wait for how the last ended run of another ended."""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.records import Job, Run
from runyard.domain.waits import Condition, Dependency
from runyard.engine import dependents, jobs, runs
from runyard.engine.transitions import end_waits
from runyard.storage.port import JournalLine, Tx
from runyard.storage.sql import BEYOND, FOREVER
from runyard.storage.statements import dependencies as sql
from runyard.storage.statements import jobs as jobs_sql

CONDITIONS = ("completed", "failed", "any")
MOST = 1000
"""How many jobs one job may depend on."""
REACH = 10_000
"""How many jobs are looked at to find a cycle."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What a run's job depends on, and what of that is not met for this run now."""

    run: Run
    dependencies: list[Dependency]
    unmet: frozenset[str]


def add(
    tx: Tx, project_id: int, wanted: str, *, depends_on: str, condition: str = "completed", actor: str | None = None
) -> Dependency:
    """Let runs of a job wait for another job; between the same two only the condition changes.

    Runs that wait already are looked at anew. Raises `NotFound` for the job, `Invalid` for a condition there is none
    of, for another job that is not in this project or is the job itself, and for a dependency that closes a circle.
    """
    job = jobs.get(tx, project_id, wanted)
    if condition not in CONDITIONS:
        raise Invalid(f"{condition[:64]!r} is not a condition; there are {', '.join(CONDITIONS)}")
    other = _other(tx, project_id, depends_on)
    if other.id == job.id:
        raise Invalid("a job cannot depend on itself")
    # Two dependencies added at the same moment must not close a circle that neither closes alone.
    sql.lock_project(tx, project_id)
    # Nor may one of the jobs be deleted meanwhile: what has gone never ends, and would be waited for without end.
    if len(jobs_sql.lock_many(tx, project_id, [job.id, other.id])) < 2:
        raise NotFound("one of the two jobs has just been deleted")
    _check_circle(tx, job, other)
    there = {one.depends_on: one for one in sql.of_jobs(tx, [job.id]).get(job.id, [])}
    if other.id not in there and len(there) >= MOST:
        raise Conflict(f"the job depends on {MOST} others already; remove one first")
    old = there.get(other.id)
    made = Dependency(
        id=old.id if old else tx.new_id(),
        project_id=project_id,
        job_id=job.id,
        depends_on=other.id,
        condition=cast("Condition", condition),
        created_at=old.created_at if old else tx.now,
    )
    sql.put(tx, made)
    _journal(tx, job, "job.dependency_added", made, actor)
    _look(tx, job.id)
    return made


def remove(tx: Tx, project_id: int, wanted: str, dependency_id: str, *, actor: str | None = None) -> Dependency:
    """Take a dependency away; runs that waited for it alone go on. Raises `NotFound`."""
    job = jobs.get(tx, project_id, wanted)
    sql.lock_project(tx, project_id)
    found = [one for one in sql.of_jobs(tx, [job.id]).get(job.id, []) if one.id == dependency_id]
    if not found:
        raise NotFound(f"the job has no dependency {dependency_id[:64]!r}")
    sql.drop(tx, found[0].id)
    _journal(tx, job, "job.dependency_removed", found[0], actor)
    _look(tx, job.id)
    return found[0]


def page(
    tx: Tx, project_id: int, wanted: str, *, before: str | None = None, until: int | None = None, limit: int = 50
) -> list[Dependency]:
    """What the job depends on, newest first, from below the given id (or the given time) on. Raises `NotFound`."""
    job = jobs.get(tx, project_id, wanted)
    return sql.page(tx, job.id, before=before or BEYOND, until=FOREVER if until is None else until, n=limit)


def status(tx: Tx, project_id: int, run_id: str) -> Status:
    """What the run's job depends on, evaluated for the run as things are now. Raises `NotFound`."""
    run = runs.find(tx, project_id, run_id)
    edges = sql.of_jobs(tx, [run.job_id]).get(run.job_id, []) if run.job_id is not None else []
    still = dependents.unmet(tx, [run]).get(run.id, []) if edges else []
    return Status(run=run, dependencies=edges, unmet=frozenset(one.id for one in still))


def settle(tx: Tx) -> int:
    """Look at the next waiting runs of a job of which there are too many for one transaction; how many were looked at.

    0 when nothing is left to be looked at.
    """
    left = sql.first_left(tx)
    if left is None:
        return 0
    ids = sql.waiting(tx, left.job_id, after=left.position, n=dependents.SLICE)
    end_waits(tx, dependents.met(tx, ids))
    sql.go_on(tx, left, ids[-1] if len(ids) == dependents.SLICE else None)
    return max(1, len(ids))


def _look(tx: Tx, job_id: str) -> None:
    """Look at the oldest waiting runs of the job at once, and have the loop look at the others."""
    ids = sql.waiting(tx, job_id, after="", n=dependents.SLICE)
    end_waits(tx, dependents.met(tx, ids))
    if len(ids) == dependents.SLICE:
        dependents.look_at(tx, job_id, after=ids[-1])


def _other(tx: Tx, project_id: int, wanted: str) -> Job:
    try:
        return jobs.get(tx, project_id, wanted)
    except NotFound as unknown:
        raise Invalid(unknown.detail) from None


def _check_circle(tx: Tx, job: Job, other: Job) -> None:
    seen = level = {other.id}
    while level:
        level = set(sql.next_jobs(tx, sorted(level))) - seen
        if job.id in level:
            raise Invalid(f"the job {other.name!r} depends on {job.name!r} already; jobs cannot wait for each other")
        seen = seen | level
        if len(seen) > REACH:
            raise Invalid(f"the job {other.name!r} depends on more than {REACH} others; nobody could follow that")


def _journal(
    tx: Tx,
    job: Job,
    event: Literal["job.dependency_added", "job.dependency_removed"],
    one: Dependency,
    actor: str | None,
) -> None:
    data = {"job_id": job.id, "job": job.name, "depends_on": one.depends_on, "condition": one.condition}
    tx.emit(JournalLine(job.project_id, None, event, actor, msgspec.json.encode(data).decode()))
