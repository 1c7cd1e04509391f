"""What a changed concurrency limit does to runs that are live already.

A new limit acts at once on runs made from then on. Live runs are told in slices of `SLICE` in the order of their ids:
the first slice in the transaction that changes the job, the others by `settle`, each in a transaction of its own. So a
limit put on a job with at most `SLICE` live runs is never overshot by a later claim; with more, runs that no slice has
reached yet may still be claimed for as long as the slices take (seconds for a million). Runs that executors hold keep
their places, also where there are more of them than the new limit lets through: nobody follows until they are fewer.

A limit that is removed leaves a lane so wide that it holds nobody.
"""

from __future__ import annotations

from collections import Counter

from runyard.domain.jobs import JobSpec
from runyard.domain.records import Job
from runyard.domain.states import LEASED, RunState
from runyard.engine import lanes
from runyard.engine.rates import first_id_at
from runyard.engine.specs import spec_of
from runyard.storage.port import Tx
from runyard.storage.statements import caps as sql
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements import lanes as lanes_sql

SLICE = 1000
"""How many live runs one transaction looks at."""
LANES = 100
"""How many lanes one transaction narrows or fills."""
UNLIMITED = 2**53
GRACE = 10_000_000
"""Another server may just be making runs by the definition before: when to look for those a last time."""


def differ(old: JobSpec, new: JobSpec) -> bool:
    """Whether live runs have to be told of the new definition."""
    return (old.max_concurrency, old.max_per_key) != (new.max_concurrency, new.max_per_key)


def apply(tx: Tx, job: Job, old: JobSpec) -> None:
    """Make the job's live runs obey its limits as they are now; what one slice cannot do is left to `settle`."""
    if old.max_per_key is not None:
        # Only then: runs may have limits per key of their own that the job never had.
        _set_key_caps(tx, job, UNLIMITED)
    _carry_on(tx, sql.note(tx, job.project_id, job.id), job)


def settle(tx: Tx) -> int:
    """Carry on with one job whose limits changed; how many jobs were looked at (0 when none is due)."""
    change = sql.due(tx)
    if change is None:
        return 0
    job = jobs_sql.lock_to_change(tx, change.job_id)
    if job is None:
        sql.forget(tx, change.job_id)
    else:
        _carry_on(tx, change, job)
    return 1


def forget(tx: Tx, project_id: int, job_id: str, limit: int) -> int:
    """Drop the rate of a deleted job and at most so many of its lanes; how many lanes went."""
    sql.forget(tx, job_id)
    sql.delete_rate(tx, project_id, f"job:{job_id}")
    gone = 0
    for names in (_job_names(job_id), _key_names(job_id)):
        gone += sql.delete_lanes(tx, project_id, names, limit - gone)
    return gone


def _carry_on(tx: Tx, change: sql.Change, job: Job) -> None:
    spec = spec_of(job)
    position = _tell(tx, change, job, spec)
    _set_caps(tx, job, spec)
    busy = _narrow(tx, job) | _fill(tx, job)
    if position is not None or busy:
        tx.wake("caps")
    if position is not None:
        sql.go_on(tx, job.id, position=position, at=tx.now)
    elif busy:
        sql.go_on(tx, job.id, position=_end(tx), at=tx.now)
    elif tx.now < change.since + GRACE:
        sql.go_on(tx, job.id, position=first_id_at(change.since - GRACE), at=change.since + GRACE)
    else:
        sql.forget(tx, job.id)


def _tell(tx: Tx, change: sql.Change, job: Job, spec: JobSpec) -> str | None:
    """Put a slice of live runs on the lanes they miss; the last run told, or None when there is no other slice."""
    if spec.max_concurrency is None and spec.max_per_key is None:
        return None
    slice_ = sql.live(tx, job.id, position=change.position, n=SLICE)
    job_lane = None
    if spec.max_concurrency is not None:
        job_lane = lanes.job_lane(tx, job.project_id, job.id, spec.max_concurrency)
    key_lanes: dict[str, int] = {}
    counts: Counter[int] = Counter()
    rows = []
    for run in slice_:
        to_job = run.job_lane if run.job_lane is not None else job_lane
        to_key = run.key_lane
        if to_key is None and run.concurrency_key is not None and spec.max_per_key is not None:
            to_key = key_lanes.get(run.concurrency_key)
            if to_key is None:
                to_key = lanes.key_lane(tx, job.project_id, job.id, run.concurrency_key, spec.max_per_key)
                key_lanes[run.concurrency_key] = to_key
        if (to_job, to_key) == (run.job_lane, run.key_lane):
            continue
        rows.append((to_job, to_key, run.id))
        if run.state in LEASED or (run.state == RunState.QUEUED and run.hold is None):
            counts.update(lane for lane in {to_job, to_key} - {run.job_lane, run.key_lane} if lane is not None)
    if rows:
        sql.set_lanes(tx, rows)
    for lane, by in sorted(counts.items()):
        lanes_sql.shift(tx, lane, by)
    return slice_[-1].id if len(slice_) == SLICE else None


def _set_caps(tx: Tx, job: Job, spec: JobSpec) -> None:
    tx.run(lanes_sql.SET_CAP, project_id=job.project_id, name=f"job:{job.id}", cap=spec.max_concurrency or UNLIMITED)
    if spec.max_per_key is not None:
        _set_key_caps(tx, job, spec.max_per_key)


def _set_key_caps(tx: Tx, job: Job, cap: int) -> None:
    first, beyond = _key_names(job.id)
    tx.run(lanes_sql.SET_CAPS, project_id=job.project_id, first=first, beyond=beyond, cap=cap)


def _narrow(tx: Tx, job: Job) -> bool:
    """Hold back claimable runs that the limits no longer let through; whether there may be more of them."""
    left = SLICE
    freed: set[int] = set()
    overfull = [
        *((lane, False) for lane in sql.overfull(tx, job.project_id, _job_names(job.id), LANES, by_key=False)),
        *((lane, True) for lane in sql.overfull(tx, job.project_id, _key_names(job.id), LANES, by_key=True)),
    ]
    for lane, by_key in overfull:
        cap, used = lanes_sql.lock(tx, [lane]).get(lane, [0, 0])
        surplus = sql.surplus(tx, lane, min(used - cap, left), by_key=by_key) if used > cap else []
        if not surplus:
            continue
        sql.hold_back(tx, lane, [run_id for run_id, _, _ in surplus])
        left -= len(surplus)
        counts = Counter(one for _, *both in surplus for one in both if one is not None)
        for one, by in sorted(counts.items()):
            lanes_sql.shift(tx, one, -by)
        freed |= counts.keys() - {lane}
        if left <= 0:
            break
    if freed:
        lanes.refill(tx, freed)
    return left <= 0 or len(overfull) >= LANES


def _fill(tx: Tx, job: Job) -> bool:
    """Let held runs into lanes that became wider; whether there may be more of them."""
    roomy = [
        lane
        for names in (_job_names(job.id), _key_names(job.id))
        for lane in sql.roomy(tx, job.project_id, names, LANES)
    ]
    return lanes.refill(tx, roomy) > 0


def _job_names(job_id: str) -> tuple[str, str]:
    return f"job:{job_id}", f"job:{job_id}!"


def _key_names(job_id: str) -> tuple[str, str]:
    # The character after the colon ends the range of names that begin with the prefix.
    return f"key:{job_id}:", f"key:{job_id};"


def _end(tx: Tx) -> str:
    """Behind every run there is."""
    return first_id_at(tx.now + 365 * 86400 * 1_000_000)
