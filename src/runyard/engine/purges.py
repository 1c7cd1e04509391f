"""Taking away what deleted jobs and projects leave: runs and other rows, slice by slice.

Deleting marks: a job's definition goes at once; what belongs to it (versions, triggers that were put off, payloads that
were seen, lanes), which nobody finds without it, and its runs with their records go in slices, the first of both in the
same transaction, so that what is small is gone with the answer. A deleted project is unreachable at once, its rows go
in slices. Runs that somebody made in that very moment are canceled first. Slices are bounded, so nobody waits long
behind one; any server may do the next.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.artifacts.port import Blobs
from runyard.domain.moves import move
from runyard.domain.records import Run
from runyard.domain.states import FINAL
from runyard.engine import caps, dependents, retention
from runyard.engine.retention import Content
from runyard.engine.transitions import apply
from runyard.storage.port import Store, Tx
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements import purges as sql

RUNS = 100
ROWS = 1000
"""What one slice takes away at most: some 20 ms."""
JOBS = 20


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one slice did."""

    freed: tuple[Content, ...] = ()
    """Contents that no artifact refers to any more."""


def begin(tx: Tx, project_id: int, job_id: str = "") -> None:
    """Have everything of a deleted job, or ('') of a deleted project, taken away."""
    sql.add(tx, project_id, job_id)
    if job_id:
        _of_job(tx, project_id, job_id)
    tx.wake("purges")


def forget_job(tx: Tx, project_id: int, job_id: str) -> None:
    """Drop what belongs to a job besides its definition and its runs: a slice at once, what is more by passes."""
    dependents.forget(tx, job_id)
    if _forget(tx, project_id, job_id, ROWS) == ROWS:
        sql.note_jobs(tx, project_id, [job_id])
        tx.wake("purges")


def step(tx: Tx) -> Step | None:
    """Take away one slice; None when nothing is left, or others are at it."""
    jobs = sql.next_jobs(tx, JOBS)
    if jobs:
        return _of_jobs(tx, jobs)
    one = sql.next_one(tx)
    if one is None:
        return None
    project_id, job_id = one
    return _of_job(tx, project_id, job_id) if job_id else _of_project(tx, project_id)


def purge_once(store: Store, blobs: Blobs) -> bool:
    """One slice and the bytes it freed; whether there was anything to do."""
    done = store.transact(step)
    if done is None:
        return False
    retention.free(store, blobs, done.freed)
    return True


def _of_jobs(tx: Tx, jobs: Sequence[tuple[int, str]]) -> Step:
    left, done = ROWS, list[str]()
    for project_id, job_id in jobs:
        left -= _forget(tx, project_id, job_id, left)
        if left == 0:
            break
        done.append(job_id)
    sql.jobs_done(tx, done)
    return Step()


def _forget(tx: Tx, project_id: int, job_id: str, limit: int) -> int:
    """Delete at most so many rows of what belongs to a job; how many went, fewer only when nothing is left."""
    left = limit
    for part in sql.OF_JOB:
        if left > 0:
            left -= sql.delete(tx, part, job_id, left)
    return limit - left + (caps.forget(tx, project_id, job_id, left) if left > 0 else 0)


def _of_job(tx: Tx, project_id: int, job_id: str) -> Step:
    found = sql.runs_of_job(tx, job_id, RUNS)
    if not found:
        sql.done(tx, project_id, job_id)
        return Step()
    return _take(tx, found)


def _of_project(tx: Tx, project_id: int) -> Step:
    found = sql.runs_of_project(tx, project_id, RUNS)
    if found:
        return _take(tx, found)
    jobs = sql.jobs(tx, project_id, JOBS)
    for job_id in jobs:
        dependents.forget(tx, job_id)
        jobs_sql.delete(tx, job_id)
    if jobs:
        sql.note_jobs(tx, project_id, jobs)
    elif not any(sql.delete(tx, part, project_id, ROWS) for part in sql.OF_PROJECT):
        if sql.jobs_left(tx, project_id):
            # Another server is at them.
            return Step()
        sql.done(tx, project_id, "")
    return Step()


def _take(tx: Tx, found: Sequence[Run]) -> Step:
    live = [run for run in found if run.state not in FINAL]
    if live:
        apply(tx, [move(run, "cancel", tx.now, data={"reason": "deleted"}) for run in live])
        return Step()
    return Step(freed=retention.delete_runs(tx, [run.id for run in found], ROWS).freed)
