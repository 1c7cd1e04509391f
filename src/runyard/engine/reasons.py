"""What a reason is made of, and why runs that nobody waits to claim are where they are."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from runyard.domain.records import Run
from runyard.domain.states import EVENT_OF_VERB, RunState
from runyard.engine import dependents
from runyard.storage.port import Tx
from runyard.storage.statements import explain as sql
from runyard.storage.statements import jobs as jobs_sql

COUNTED = 1000
NAMED = 5
"""How many other runs a reason names."""

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


def leased(run: Run) -> Reason:
    """It is being worked on."""
    who = f"worker {run.worker!r}" if run.worker else "an executor"
    since = {
        RunState.CLAIMED: f"was claimed by {who} at {time_told(run.claimed_at)} and has not started",
        RunState.STARTING: f"is being prepared by {who} since {time_told(run.claimed_at)}",
    }.get(run.state, f"is worked on by {who} since {time_told(run.started_at)}")
    return Reason(
        code=run.state.value,
        detail=f"it {since}; the lease ends at {time_told(run.lease_until)} unless it is extended",
        remedy="follow its log, or cancel it",
        until=run.lease_until,
    )


def waiting(tx: Tx, run: Run) -> Reason:
    """It waits for something that is not a claim."""
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


def paused(tx: Tx, run: Run) -> Reason:
    """Somebody paused it."""
    found = sql.last_event(tx, run.id, EVENT_OF_VERB["pause"])
    actor, reason, at = _said(found)
    by = f" by {actor}" if actor else ""
    why = f", because: {reason}" if reason else ""
    since = f" at {time_told(at)}" if at is not None else ""
    return Reason(code="paused", detail=f"it was paused{by}{since}{why}", remedy="resume it")


def ended(tx: Tx, run: Run) -> Reason:
    """It has ended."""
    actor, reason, _ = _said(sql.last_event(tx, run.id, EVENT_OF_VERB[_ENDINGS[run.state]]))
    by = f" by {actor}" if actor else ""
    because = f", because: {reason}" if reason else ""
    failure = failure_of(run)
    error = f" with {failure.kind!r}: {failure.message[:500]}" if failure is not None else ""
    tries = f"try {run.attempt} of {run.policy.max_attempts}"
    when = f"at {time_told(run.finished_at)}"
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


class ToldFailure(msgspec.Struct):
    """What is said of an error here; the rest of it, of any shape, is passed over."""

    message: str
    kind: str = "error"


def failure_of(run: Run) -> ToldFailure | None:
    """What the run failed with last, if that can be said."""
    if run.error is None:
        return None
    try:
        return msgspec.json.decode(run.error, type=ToldFailure)
    except msgspec.MsgspecError:
        return None


def time_told(micros: int | None) -> str:
    """A time in words."""
    if micros is None:
        return "an unknown time"
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
