"""Why a run is where it is, what would change that, and how many stand before it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from runyard.domain.records import Run
from runyard.domain.states import EVENT_OF_VERB, LEASED, RunState
from runyard.engine import claimers, dependents
from runyard.engine.runs import find
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import classes as classes_sql
from runyard.storage.statements import explain as sql
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements import listing as listing_sql

COUNTED = 1000
NAMED = 5
"""How many other runs a reason names."""
SOON = 600_000_000
"""A time to live that ends within this time is worth a word."""

_ENDINGS = {
    RunState.COMPLETED: "complete",
    RunState.FAILED: "fail",
    RunState.TIMED_OUT: "time_out",
    RunState.CRASHED: "crash",
    RunState.SYSTEM_FAILED: "system_fail",
    RunState.CANCELED: "cancel",
    RunState.EXPIRED: "expire",
    RunState.DEAD_LETTER: "bury",
}


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, and what would change it."""

    code: str
    detail: str
    remedy: str
    until: int | None = None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run is where it is; the first reason is the one that weighs most."""

    run_id: str
    state: str
    summary: str
    reasons: list[Reason]
    position: int | None
    """How many claimable runs of its queue stand before it, counted up to `COUNTED`; None when it is not claimable."""


def explain(tx: Tx, project_id: int, run_id: str) -> Explanation:
    """Why the run is where it is. Raises `NotFound`."""
    run = find(tx, project_id, run_id)
    reasons, position = _reasons(tx, run)
    disabled = _disabled(tx, run)
    if disabled is not None:
        reasons, position = [disabled, *reasons], None
    soon = run.expires_at is not None and run.expires_at <= tx.now + SOON
    if soon and run.state in {RunState.DRAFT, RunState.SCHEDULED, RunState.QUEUED}:
        reasons.append(
            Reason(
                code="expires_soon",
                detail=f"its time to live ends at {_time(run.expires_at)} unless it is claimed before",
                remedy="reschedule it to give it more time",
                until=run.expires_at,
            )
        )
    return Explanation(
        run_id=run.id, state=run.state.value, summary=reasons[0].detail, reasons=reasons, position=position
    )


def _reasons(tx: Tx, run: Run) -> tuple[list[Reason], int | None]:
    match run.state:
        case RunState.DRAFT:
            detail = "it is a draft: recorded, and nobody has asked for it to run"
            return [Reason(code="draft", detail=detail, remedy="publish it")], None
        case RunState.SCHEDULED:
            return [_scheduled(run)], None
        case RunState.QUEUED if run.hold is not None:
            return [_held(tx, run)], None
        case RunState.QUEUED:
            return _claimable(tx, run)
        case RunState.CLAIMED | RunState.STARTING | RunState.RUNNING:
            return [_leased(run)], None
        case RunState.WAITING:
            return [_waiting(tx, run)], None
        case RunState.PAUSED:
            return [_paused(tx, run)], None
        case RunState.NEEDS_ATTENTION:
            detail = "nobody took it in time, and it waits for a person"
            return [Reason(code="needs_attention", detail=detail, remedy="requeue, discard or cancel it")], None
        case _:
            return [_ended(tx, run)], None


def _disabled(tx: Tx, run: Run) -> Reason | None:
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


def _scheduled(run: Run) -> Reason:
    at = run.available_at
    if run.waiting_for is not None and run.waiting_for.kind == "rate":
        detail = f"the job's rate limit gives it its turn at {_time(at)}"
        return Reason(code="rate_limit", detail=detail, remedy="raise the job's rate limit, or reschedule it", until=at)
    if run.waiting_for is not None and run.waiting_for.kind == "window":
        detail = f"the job's execution window {run.waiting_for.key!r} opens for it at {_time(at)}"
        return Reason(code="window", detail=detail, remedy="change the job's window, or reschedule the run", until=at)
    detail = f"it is scheduled for {_time(at)}"
    return Reason(code="scheduled", detail=detail, remedy="reschedule it to run earlier", until=at)


def _held(tx: Tx, run: Run) -> Reason:
    match run.hold:
        case "retry":
            why = _failure(run)
            said = f" after {why.kind!r}: {why.message[:200]}" if why is not None else ""
            return Reason(
                code="retry_wait",
                detail=f"try {run.attempt} of {run.policy.max_attempts} begins at {_time(run.next_retry_at)}{said}",
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


def _claimable(tx: Tx, run: Run) -> tuple[list[Reason], int]:
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


def _leased(run: Run) -> Reason:
    who = f"worker {run.worker!r}" if run.worker else "an executor"
    since = {
        RunState.CLAIMED: f"was claimed by {who} at {_time(run.claimed_at)} and has not started",
        RunState.STARTING: f"is being prepared by {who} since {_time(run.claimed_at)}",
    }.get(run.state, f"is worked on by {who} since {_time(run.started_at)}")
    return Reason(
        code=run.state.value,
        detail=f"it {since}; the lease ends at {_time(run.lease_until)} unless it is extended",
        remedy="follow its log, or cancel it",
        until=run.lease_until,
    )


def _waiting(tx: Tx, run: Run) -> Reason:
    waiting = run.waiting_for
    kind = waiting.kind if waiting is not None else "event"
    until = waiting.until if waiting is not None else None
    if kind == "descendants":
        detail, remedy = "it waits for all runs below it to end", "wait for them, or cancel them"
    elif kind == "children":
        children = sql.open_children(tx, run.id, COUNTED)
        count = f"{COUNTED} or more" if len(children) >= COUNTED else str(len(children))
        named = f": {', '.join(children[:NAMED])}{' and others' if len(children) > NAMED else ''}" if children else ""
        detail, remedy = f"it waits for {count} of its children to end{named}", "wait for them, or cancel them"
    elif kind == "decision":
        detail, remedy = "it waits for a person to decide", "approve or reject it"
    elif kind == "dependency":
        detail, remedy = _depending(tx, run), "let those runs end as the dependencies ask, or remove the dependencies"
    else:
        key = f" {waiting.key!r}" if waiting is not None and waiting.key else ""
        detail, remedy = f"it waits for the event{key}", "send the event"
    return Reason(code=f"waiting_{kind}", detail=detail, remedy=remedy, until=until)


def _depending(tx: Tx, run: Run) -> str:
    unmet = dependents.unmet(tx, [run]).get(run.id, [])
    others = jobs_sql.by_name_or_id(tx, run.project_id, [one.depends_on for one in unmet[:NAMED]])
    said = [f"{others[one.depends_on].name!r} ({one.condition})" for one in unmet[:NAMED] if one.depends_on in others]
    more = " and others" if len(unmet) > NAMED else ""
    return f"it waits for the last run of {', '.join(said)}{more}" if said else "it waits for something it depends on"


def _paused(tx: Tx, run: Run) -> Reason:
    found = sql.last_event(tx, run.id, EVENT_OF_VERB["pause"])
    actor, reason, at = _said(found)
    by = f" by {actor}" if actor else ""
    why = f", because: {reason}" if reason else ""
    since = f" at {_time(at)}" if at is not None else ""
    return Reason(code="paused", detail=f"it was paused{by}{since}{why}", remedy="resume it")


def _ended(tx: Tx, run: Run) -> Reason:
    actor, reason, _ = _said(sql.last_event(tx, run.id, EVENT_OF_VERB[_ENDINGS[run.state]]))
    by = f" by {actor}" if actor else ""
    because = f", because: {reason}" if reason else ""
    failure = _failure(run)
    error = f" with {failure.kind!r}: {failure.message[:500]}" if failure is not None else ""
    tries = f"try {run.attempt} of {run.policy.max_attempts}"
    when = f"at {_time(run.finished_at)}"
    handled = "; it has been handled" if run.resolved_at is not None else ""
    details = {
        RunState.COMPLETED: f"it completed {when} in {tries}",
        RunState.CANCELED: f"it was canceled {when}{by}{because}",
        RunState.EXPIRED: f"nobody claimed it before its time to live ended {when}",
        RunState.DEAD_LETTER: f"it failed for good {when} in {tries}{error}{because}{handled}",
    }
    remedies = {
        RunState.COMPLETED: "replay it to run it again",
        RunState.DEAD_LETTER: "replay it, requeue it, or discard it",
    }
    return Reason(
        code=run.state.value,
        detail=details.get(run.state, f"it {_word(run.state)} {when} in {tries}{error}{because}{handled}"),
        remedy=remedies.get(run.state, "retry or replay it"),
    )


def _word(state: RunState) -> str:
    return {RunState.SYSTEM_FAILED: "failed in the system"}.get(state, state.value.replace("_", " "))


def _said(event: tuple[str | None, str, int] | None) -> tuple[str | None, str | None, int | None]:
    """Who did it, why, and when, as the journal has it."""
    if event is None:
        return None, None, None
    reason = msgspec.json.decode(event[1], type=dict[str, object]).get("reason")
    return event[0], reason if isinstance(reason, str) else None, event[2]


class _Failure(msgspec.Struct):
    """What is said of an error here; the rest of it, of any shape, is passed over."""

    message: str
    kind: str = "error"


def _failure(run: Run) -> _Failure | None:
    if run.error is None:
        return None
    try:
        return msgspec.json.decode(run.error, type=_Failure)
    except msgspec.MsgspecError:
        return None


def _time(micros: int | None) -> str:
    if micros is None:
        return "an unknown time"
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
