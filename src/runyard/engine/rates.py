"""Rate limits: runs over the limit are refused, or given the next free start time (GCRA)."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec

from runyard.domain.errors import RateLimited
from runyard.domain.jobs import JobSpec, Rate
from runyard.domain.records import Job, Run, Waiting
from runyard.domain.states import ENDED, RunState
from runyard.storage.port import Tx
from runyard.storage.statements import lanes as sql

_ENDED = sorted(state.value for state in ENDED)


def reserve(tx: Tx, project_id: int, name: str, rate: Rate, wanted: int) -> int:
    """The first time from `wanted` on at which the limit lets one more start; it is taken."""
    tx.run(sql.ADD_RATE, project_id=project_id, name=name)
    row = tx.row(sql.RATE, project_id=project_id, name=name)
    next_at = int(row[0]) if row else 0
    step = rate.window // rate.max
    arrival = max(next_at, wanted)
    tx.run(sql.SET_RATE, project_id=project_id, name=name, next_at=arrival + step)
    burst = rate.window - step
    return max(wanted, arrival - burst)


def refuses(spec: JobSpec) -> bool:
    """Whether the job's rate limit refuses runs, instead of putting them off."""
    return spec.rate is not None and spec.rate.mode == "refuse"


def queue_up(tx: Tx, refusing: Iterable[Job], quotas: Iterable[int] = ()) -> None:
    """Let nobody else make runs under these jobs' limits, and these projects' quotas, until this transaction is over.

    Else two of them count at once, and both find the last place free.
    """
    names = [(job.project_id, f"job:{job.id}") for job in refusing] + [(number, "quota") for number in quotas]
    if names:
        sql.queue_up(tx, names)


def made_lately(tx: Tx, job_id: str, rate: Rate) -> int:
    """How many runs of the job were made in the trailing window, counted up to the limit."""
    since = first_id_at(tx.now - rate.window)
    (found,) = tx.row(sql.COUNT_SINCE, job_id=job_id, since=since, ended=_ENDED, n=rate.max) or (0,)
    return int(found)


def first_id_at(micros: int) -> str:
    """The smallest UUIDv7 of that millisecond: ids order runs by when they were made."""
    return str(UUID(int=(max(0, micros // 1000) << 80) | (0x7 << 76) | (0b10 << 62)))


def turn(tx: Tx, run: Run, spec: JobSpec) -> Run:
    """The run with the start time that a holding rate limit gives it, if it has to wait for its turn."""
    rate = spec.rate
    if rate is None or rate.mode == "refuse" or run.state is RunState.DRAFT:
        return run
    at = reserve(tx, run.project_id, f"job:{run.job_id}", rate, run.available_at or tx.now)
    if at <= tx.now:
        return run
    return msgspec.structs.replace(
        run, state=RunState.SCHEDULED, available_at=at, queued_at=None, waiting_for=Waiting(kind="rate")
    )


def refuse_over(tx: Tx, spec: JobSpec, job: Job, asked: int, *, made: int | None = None) -> None:
    """Raise `RateLimited` when the job's refusing rate limit has no place for so many more runs now."""
    rate = spec.rate
    if rate is None or rate.mode != "refuse":
        return
    lately = made_lately(tx, job.id, rate) if made is None else made
    if lately + asked > rate.max:
        wait = max(1, -(-rate.window // 1_000_000))
        raise RateLimited(
            f"the job {job.name!r} takes {rate.max} runs in {rate.window / 1e6:g} s; try again in {wait} s",
            retry_after=wait,
        )
