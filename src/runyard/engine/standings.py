"""Why a run that waits to be claimed is not claimed yet: held back, behind others, or wanted by nobody."""

from __future__ import annotations

import msgspec

from runyard.domain import coding
from runyard.domain.records import Run
from runyard.domain.states import LEASED, RunState
from runyard.engine import claimers
from runyard.engine.reasons import COUNTED, NAMED, Reason, failure_of, time_told
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import classes as classes_sql
from runyard.storage.statements import explain as sql
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements import listing as listing_sql


def disabled(tx: Tx, run: Run) -> Reason | None:
    """Nobody can claim a run of a disabled job, whatever else holds it back."""
    if run.state not in {RunState.SCHEDULED, RunState.QUEUED} or run.job_id is None:
        return None
    job = jobs_sql.by_name_or_id(tx, run.project_id, [run.job_id]).get(run.job_id)
    if job is None or job.enabled:
        return None
    return Reason(
        code="job_disabled",
        detail=f"its job {job.name!r} is disabled, and no executor is given runs of a disabled job",
        remedy="enable the job",
    )


def scheduled(run: Run) -> Reason:
    """It waits for its time."""
    at = run.available_at
    if run.waiting_for is not None and run.waiting_for.kind == "rate":
        detail = f"the job's rate limit gives it its turn at {time_told(at)}"
        return Reason(code="rate_limit", detail=detail, remedy="raise the job's rate limit, or reschedule it", until=at)
    if run.waiting_for is not None and run.waiting_for.kind == "window":
        detail = f"the job's execution window {run.waiting_for.key!r} opens for it at {time_told(at)}"
        return Reason(code="window", detail=detail, remedy="change the job's window, or reschedule the run", until=at)
    detail = f"it is scheduled for {time_told(at)}"
    return Reason(code="scheduled", detail=detail, remedy="reschedule it to run earlier", until=at)


def held(tx: Tx, run: Run) -> Reason:
    """Something holds it back."""
    match run.hold:
        case "retry":
            why = failure_of(run)
            said = f" after {why.kind!r}: {why.message[:200]}" if why is not None else ""
            return Reason(
                code="retry_wait",
                detail=f"try {run.attempt} of {run.policy.max_attempts} begins at {time_told(run.next_retry_at)}{said}",
                remedy="wait; the retry policy sets the delay",
                until=run.next_retry_at,
            )
        case "lane":
            return _in_full_lane(tx, run)
        case "paused":
            detail = "what it belongs to is paused"
            return Reason(code="paused_above", detail=detail, remedy="resume what it belongs to")
        case _:
            detail = "it depends on something that has not ended well yet"
            return Reason(code="blocked", detail=detail, remedy="finish or remove what it depends on")


def _in_full_lane(tx: Tx, run: Run) -> Reason:
    lane_id = run.hold_lane or 0
    lane = sql.lane(tx, lane_id)
    cap, used = (lane[1], lane[2]) if lane is not None else (0, 0)
    by_key = run.hold_lane == run.key_lane
    limit = (
        f"the limit of the concurrency key {run.concurrency_key!r}" if by_key else f"the limit of job {run.job_name!r}"
    )
    ranges = [listing_sql.Range("state", state.value) for state in sorted(LEASED)]
    leased = listing_sql.merged(tx, run.project_id, ranges, before=BEYOND, floor="", n=2 * COUNTED)
    holders = sql.holders(tx, lane_id, leased, NAMED)
    if holders:
        who = f"held by {', '.join(holders)}{' and others' if used > len(holders) else ''}"
    else:
        who = "taken by runs before it that wait to be claimed"
    return Reason(
        code="key_limit" if by_key else "concurrency_limit",
        detail=f"{limit} is reached: {used} of {cap} places are {who}",
        remedy="wait for one of them to end, cancel one, or raise the limit",
    )


def claimable(tx: Tx, run: Run) -> tuple[list[Reason], int]:
    """It may be claimed: what is missing then, and how many stand before it."""
    position = _position(tx, run)
    missing = _nobody(tx, run)
    if missing is not None:
        return [missing], position
    ahead = f"{COUNTED} or more" if position >= COUNTED else str(position)
    runs = "run stands" if position == 1 else "runs stand"
    detail = f"it may be claimed; {ahead} {runs} before it in queue {run.queue!r}"
    return [Reason(code="queued", detail=detail, remedy="add executors, or give it more priority")], position


def _position(tx: Tx, run: Run) -> int:
    ahead = 0
    for class_id, queue, _, _ in classes_sql.claimable(tx, run.project_id, run.executor):
        if queue == run.queue and ahead < COUNTED:
            ahead += sql.before(tx, class_id, run.rank, run.id, COUNTED - ahead)
    return ahead


def _nobody(tx: Tx, run: Run) -> Reason | None:
    """What is missing in everybody who asked for work lately, None when somebody could take the run."""
    if run.executor == coding.EXECUTOR:
        return _unopened(run)
    asking = claimers.lately(tx, run.project_id, run.executor)
    required = frozenset(msgspec.json.decode(run.requires, type=list[str])) if run.requires else frozenset()
    able = [one for one in asking if one.queues is None or run.queue in one.queues]
    willing = [one for one in able if one.jobs is None or (run.job_name or "") in one.jobs]
    if any(required <= one.capabilities for one in willing):
        return None
    if not asking:
        detail = f"no executor of kind {run.executor!r} has asked for work lately"
        return Reason(code="no_worker", detail=detail, remedy=f"start a worker of kind {run.executor!r}")
    if not able:
        queues = sorted({queue for one in asking for queue in one.queues or ()})
        detail = f"no {run.executor!r} executor asks for queue {run.queue!r}; they ask for {', '.join(queues[:10])}"
        return Reason(code="no_worker_for_queue", detail=detail, remedy="start a worker for this queue")
    if not willing:
        what = f"job {run.job_name!r}" if run.job_name else "runs without a job"
        detail = f"no {run.executor!r} executor of queue {run.queue!r} takes {what}"
        return Reason(code="no_worker_for_job", detail=detail, remedy="start a worker for this job")
    closest = min((sorted(required - one.capabilities) for one in willing), key=len)
    detail = f"it requires {', '.join(sorted(required))}, and no executor offers all; missing: {', '.join(closest)}"
    return Reason(code="no_worker_with_capabilities", detail=detail, remedy="start a worker with these capabilities")


def _unopened(run: Run) -> Reason:
    """Runs of coding tasks: nobody asks for those, the server gives them a sandbox or leaves them to others."""
    if run.queue == coding.OUTSIDE:
        detail = "somebody works on it outside, who has not said that it began"
        return Reason(code="outside", detail=detail, remedy="begin to work on it, or run it in a sandbox")
    detail = "it waits for a sandbox: a server opens only so many at once, and none where it cannot shut agents in"
    remedy = "wait for others to end; `runyard doctor` on the server says whether it opens any, and why not"
    return Reason(code="no_sandbox", detail=detail, remedy=remedy)
