"""The state machine of a run, as one table."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    CLAIMED = "claimed"
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    SYSTEM_FAILED = "system_failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    DEAD_LETTER = "dead_letter"
    NEEDS_ATTENTION = "needs_attention"


S = RunState

FINAL = frozenset({S.COMPLETED, S.FAILED, S.TIMED_OUT, S.CRASHED, S.SYSTEM_FAILED, S.CANCELED, S.EXPIRED})
LEASED = frozenset({S.CLAIMED, S.STARTING, S.RUNNING})
PARKED = frozenset({S.DEAD_LETTER, S.NEEDS_ATTENTION})
"""Not final, and nothing happens until a person decides."""
ENDED = FINAL | {S.DEAD_LETTER}
"""No executor will work on it again unless somebody asks: what waits for a run stops waiting."""
UNSUCCESSFUL = frozenset(ENDED - {S.COMPLETED, S.CANCELED})
RESOLVABLE = frozenset(ENDED - {S.COMPLETED}) | {S.NEEDS_ATTENTION}
LIVE = frozenset(RunState) - FINAL


def _from(states: frozenset[RunState] | set[RunState], verb: str, to: RunState) -> dict[tuple[RunState, str], RunState]:
    return {(state, verb): to for state in states}


RUN_MOVES: dict[tuple[RunState, str], RunState] = {  # (from, verb): to
    (S.DRAFT, "publish"): S.QUEUED,
    (S.DRAFT, "hold"): S.WAITING,
    (S.DRAFT, "schedule"): S.SCHEDULED,
    (S.SCHEDULED, "promote"): S.QUEUED,
    (S.QUEUED, "claim"): S.CLAIMED,
    (S.CLAIMED, "prepare"): S.STARTING,
    **_from({S.CLAIMED, S.STARTING}, "start", S.RUNNING),
    **_from(LEASED | {S.WAITING}, "complete", S.COMPLETED),
    **_from(LEASED, "retry", S.QUEUED),
    **_from(LEASED, "release", S.QUEUED),
    **_from(LEASED, "reclaim", S.QUEUED),
    **_from(LEASED | {S.WAITING}, "fail", S.FAILED),
    **_from(LEASED | {S.WAITING}, "bury", S.DEAD_LETTER),
    **_from(LEASED | {S.WAITING}, "time_out", S.TIMED_OUT),
    **_from(LEASED, "crash", S.CRASHED),
    **_from(LEASED, "system_fail", S.SYSTEM_FAILED),
    **_from(LEASED, "park", S.WAITING),
    (S.WAITING, "wake"): S.QUEUED,
    **_from({S.DRAFT, S.SCHEDULED, S.QUEUED}, "expire", S.EXPIRED),
    **_from({S.SCHEDULED, S.QUEUED, S.WAITING} | LEASED, "pause", S.PAUSED),
    (S.PAUSED, "resume"): S.QUEUED,
    (S.PAUSED, "resume_wait"): S.WAITING,
    (S.PAUSED, "resume_later"): S.SCHEDULED,
    **_from({S.RUNNING, S.PAUSED}, "restart", S.QUEUED),
    **_from({S.DRAFT, S.SCHEDULED, S.QUEUED}, "reschedule", S.SCHEDULED),
    **_from({S.SCHEDULED, S.QUEUED}, "run_now", S.QUEUED),
    **_from(LIVE, "cancel", S.CANCELED),
    **_from({S.DEAD_LETTER, S.NEEDS_ATTENTION}, "requeue", S.QUEUED),
    **_from({S.DEAD_LETTER, S.NEEDS_ATTENTION}, "discard", S.FAILED),
    (S.QUEUED, "starve"): S.NEEDS_ATTENTION,
    **_from({S.QUEUED, S.CLAIMED}, "force_fail", S.FAILED),
    **_from({S.SCHEDULED, S.QUEUED} | LEASED, "withdraw", S.DRAFT),
    # A person begins anew, in the same run. Nothing else leads out of the end, and no executor does this.
    **_from(FINAL | PARKED, "reopen", S.QUEUED),
}


def is_final(state: RunState) -> bool:
    """Whether the run has ended for good, unless a person reopens it."""
    return state in FINAL


def target(state: RunState, verb: str) -> RunState | None:
    """Where the verb leads from here, or None when it leads nowhere."""
    return RUN_MOVES.get((state, verb))


EVENT_OF_VERB = {
    "publish": "run.queued",
    "hold": "run.waiting",
    "schedule": "run.scheduled",
    "promote": "run.queued",
    "claim": "run.claimed",
    "prepare": "run.starting",
    "start": "run.started",
    "complete": "run.completed",
    "retry": "run.retry_scheduled",
    "release": "run.released",
    "reclaim": "run.lease_expired",
    "fail": "run.failed",
    "bury": "run.dead_lettered",
    "time_out": "run.timed_out",
    "crash": "run.crashed",
    "system_fail": "run.system_failed",
    "park": "run.waiting",
    "wake": "run.woken",
    "expire": "run.expired",
    "pause": "run.paused",
    "resume": "run.resumed",
    "resume_wait": "run.resumed",
    "resume_later": "run.resumed",
    "restart": "run.restarted",
    "reschedule": "run.rescheduled",
    "run_now": "run.rescheduled",
    "cancel": "run.canceled",
    "requeue": "run.requeued",
    "discard": "run.discarded",
    "starve": "run.needs_attention",
    "force_fail": "run.failed",
    "withdraw": "run.withdrawn",
    "reopen": "run.reopened",
}
