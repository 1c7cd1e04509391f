"""Pure moves: a run before, a verb, a run after. What a state means for the other fields is decided here once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runyard.domain.errors import IllegalMove
from runyard.domain.records import Move, Run
from runyard.domain.states import ENDED, FINAL, LEASED, RunState, target

_WORK_GONE: dict[str, Any] = {"worker": None, "claimed_at": None, "started_at": None, "heartbeat_at": None}
FRESH: Mapping[str, Any] = {
    "attempt": 1,
    "epoch": 0,
    "lost": 0,
    "hold": None,
    "hold_lane": None,
    "waiting_for": None,
    "next_retry_at": None,
    "claimed_at": None,
    "started_at": None,
    "heartbeat_at": None,
    "finished_at": None,
    "due_at": None,
    "lease_hash": None,
    "lease_until": None,
    "worker": None,
    "output": None,
    "error": None,
    "error_class": None,
    "resolved_at": None,
    "resolution": None,
    "input_tokens": 0,
    "output_tokens": 0,
    "cost_micro_usd": 0,
    "trace": None,
}
"""A run to which nothing has happened yet."""
UNHELD: dict[str, Any] = {"hold": None, "hold_lane": None}
"""Nothing keeps a queued run from being claimed."""


def move(
    run: Run, verb: str, now: int, *, actor: str | None = None, data: dict[str, Any] | None = None, **changes: Any
) -> Move:
    """The run after the verb. Raises `IllegalMove` when the verb leads nowhere from its state."""
    to = target(run.state, verb)
    if to is None:
        raise IllegalMove(f"a run that is {run.state} cannot {_spoken(verb)}", state=run.state.value)
    implied: dict[str, Any] = {"state": to, "updated_at": now}
    if run.state in LEASED and to not in LEASED:
        implied["lease_until"] = None
        if to not in ENDED:
            # An ended run remembers its last lease, so that a repeated report is known for a repetition.
            implied["lease_hash"] = None
    if to not in LEASED and to not in FINAL and to is not RunState.DEAD_LETTER:
        implied |= _WORK_GONE
    if to is RunState.QUEUED:
        implied["next_retry_at"] = None
        implied["waiting_for"] = None
        if run.queued_at is None:
            implied["queued_at"] = now
    else:
        implied |= UNHELD
    if to in ENDED:
        implied["finished_at"] = now
        implied["next_retry_at"] = None
        implied["waiting_for"] = None
    return Move(before=run, after=changed(run, **(implied | changes)), verb=verb, actor=actor, data=data or {})


def changed(run: Run, **changes: Any) -> Run:
    """The run with other values and its deadline recomputed; the state stays."""
    after = msgspec.structs.replace(run, **changes)
    # Nobody else has this copy yet: setting its last field saves making another one.
    msgspec.structs.force_setattr(after, "due_at", due(after))
    return after


def due(run: Run) -> int | None:
    """When the timer must look at the run again, if ever."""
    match run.state:
        case RunState.SCHEDULED:
            return _earliest(run.available_at, run.expires_at)
        case RunState.QUEUED:
            return _earliest(run.next_retry_at if run.hold == "retry" else None, run.expires_at)
        case RunState.DRAFT:
            return run.expires_at
        case RunState.CLAIMED | RunState.STARTING | RunState.RUNNING:
            return _earliest(run.lease_until, times_out_at(run), silent_at(run))
        case RunState.WAITING:
            return _earliest(run.waiting_for.until, run.waiting_for.again) if run.waiting_for is not None else None
        case _:
            return None


def times_out_at(run: Run) -> int | None:
    """When the attempt has taken too long: counted from its start, or from its claim until it starts."""
    began = run.started_at or run.claimed_at
    if run.policy.timeout is None or began is None:
        return None
    return began + run.policy.timeout


def silent_at(run: Run) -> int | None:
    """When the executor has been silent for too long."""
    # Until work begins the lease alone decides: a run that was claimed and never started goes back as it was.
    if run.policy.heartbeat_grace is None or run.heartbeat_at is None or run.state is RunState.CLAIMED:
        return None
    return run.heartbeat_at + run.policy.heartbeat_grace


def occupies(run: Run) -> bool:
    """Whether the run takes a place in its lanes: it may be claimed this instant, or is held by an executor."""
    return run.state in LEASED or (run.state is RunState.QUEUED and run.hold is None)


def _earliest(*times: int | None) -> int | None:
    earliest = None
    for time in times:
        if time is not None and (earliest is None or time < earliest):
            earliest = time
    return earliest


def _spoken(verb: str) -> str:
    return {
        "bury": "be dead-lettered",
        "time_out": "time out",
        "run_now": "be rescheduled",
        "force_fail": "be failed",
    }.get(verb, verb)
