"""What may be wrong with a run of a task, and what is to be done next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from runyard.domain.policy import SECOND
from runyard.domain.records import Run
from runyard.domain.sessions import Session, SessionState
from runyard.domain.tasks import ACTIVE, CLOSED, ENDED_STAGES, Stage, Task, TaskRun

SILENT_AFTER = 120 * SECOND
"""A claimed run whose holder was silent for longer is stuck."""
STRANDED_AFTER = 300 * SECOND
"""A run that was queued for so long and has no session to take it is stranded."""
HASH_DIGITS = 8
SUMMARY_BYTES = 160


class Trouble(StrEnum):
    """What is wrong with a run."""

    STUCK = "stuck"
    STALE_LEASE = "stale_lease"
    ORPHAN = "orphan"
    CRASHED = "crashed"
    STRANDED = "stranded"


class NextStep(StrEnum):
    """What the task waits for."""

    RECOVERY_REQUIRED = "recovery_required"
    STRANDED = "stranded"
    WAITING_FOR_SESSION = "waiting_for_session"
    CLAIM_AVAILABLE = "claim_available"
    RUNNING = "running"
    TERMINAL = "terminal"


NEEDS_RECOVERY = frozenset({Trouble.STUCK, Trouble.STALE_LEASE, Trouble.ORPHAN, Trouble.CRASHED})


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """All that is looked at to judge a run, at one moment."""

    task: Task
    run: Run | None
    row: TaskRun | None
    session: Session | None
    """The session the run is bound to; None as well when it is unknown."""
    recent: Sequence[TaskRun]
    """The task's latest runs."""
    scheduler_paused: bool
    sessions: int
    """How many active sessions could take a run of the task."""
    now: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong, and what shows it; times are microseconds."""

    trouble: Trouble
    evidence: dict[str, Any]


def silence(run: Run, row: TaskRun, now: int) -> int | None:
    """How many seconds the holder of a run was not heard of; a claim counts as a sign of life."""
    heard = heard_at(run, row) or (row.claimed_at if row.stage is Stage.CLAIMED else None)
    return None if heard is None or heard > now else (now - heard) // SECOND


def heard_at(run: Run, row: TaskRun) -> int | None:
    """When the holder of a run last extended its lease."""
    return run.heartbeat_at if row.stage in ACTIVE and run.lease_until is not None else None


def hash_start(run: Run) -> str:
    """The first digits of the hash that a lease is known by."""
    return (run.lease_hash or "")[:HASH_DIGITS]


def findings(sight: Sight) -> list[Finding]:
    """Everything wrong with the run that is looked at."""
    run, row = sight.run, sight.row
    if run is None or row is None:
        return []
    found: list[Finding | None] = [
        _stuck(sight, run, row),
        _stale(sight, run, row),
        _orphan(sight, run, row),
        _crashed(sight, row),
        _stranded(sight, row),
    ]
    return [one for one in found if one is not None]


def _stuck(sight: Sight, run: Run, row: TaskRun) -> Finding | None:
    age = silence(run, row, sight.now)
    if row.stage is not Stage.CLAIMED or age is None or age * SECOND <= SILENT_AFTER:
        return None
    evidence = {"heartbeat_age_seconds": age, "threshold_seconds": SILENT_AFTER // SECOND}
    return Finding(trouble=Trouble.STUCK, evidence=evidence)


def _stale(sight: Sight, run: Run, row: TaskRun) -> Finding | None:
    if row.stage is not Stage.CLAIMED or run.lease_until is None or run.lease_until >= sight.now:
        return None
    return Finding(trouble=Trouble.STALE_LEASE, evidence={})


def _orphan(sight: Sight, run: Run, row: TaskRun) -> Finding | None:
    session = sight.session
    if run.lease_hash is None or row.session_id is None or (session is not None and not _is_over(session)):
        return None
    state = session.state.value if session is not None else "missing"
    evidence = {
        "session_id": row.session_id,
        "session_state": state,
        "session_failure": session.failure or "" if session is not None else "",
    }
    return Finding(trouble=Trouble.ORPHAN, evidence=evidence)


def _is_over(session: Session) -> bool:
    return session.state is SessionState.STOPPED or bool(session.failure) or bool(session.stop_reason)


def _crashed(sight: Sight, row: TaskRun) -> Finding | None:
    later = any(one.attempt > row.attempt and one.stage is not Stage.CANCELED for one in sight.recent)
    return None if row.stage is not Stage.FAILED or later else Finding(trouble=Trouble.CRASHED, evidence={})


def _stranded(sight: Sight, row: TaskRun) -> Finding | None:
    age = sight.now - row.queued_at
    if row.stage is not Stage.QUEUED or sight.scheduler_paused or sight.sessions or age < STRANDED_AFTER:
        return None
    evidence = {
        "queued_age_seconds": age // SECOND,
        "threshold_seconds": STRANDED_AFTER // SECOND,
        "eligible_session_count": sight.sessions,
        "scheduler_paused": sight.scheduler_paused,
    }
    return Finding(trouble=Trouble.STRANDED, evidence=evidence)


def next_step(sight: Sight, found: Sequence[Finding]) -> NextStep:
    """What the task waits for."""
    troubles = {one.trouble for one in found}
    if troubles & NEEDS_RECOVERY:
        return NextStep.RECOVERY_REQUIRED
    if sight.row is None:
        return NextStep.TERMINAL if sight.task.status in CLOSED else NextStep.WAITING_FOR_SESSION
    stage = sight.row.stage
    if stage in ACTIVE:
        return NextStep.RUNNING
    if stage in ENDED_STAGES:
        return NextStep.TERMINAL
    if Trouble.STRANDED in troubles:
        return NextStep.STRANDED
    takers = stage is Stage.QUEUED and not sight.scheduler_paused and sight.sessions
    return NextStep.CLAIM_AVAILABLE if takers else NextStep.WAITING_FOR_SESSION
