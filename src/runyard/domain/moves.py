"""Pure moves: a run before, a verb, a run after. What a state means for the other fields is decided here once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec

from runyard.domain.errors import IllegalMove
from runyard.domain.records import Move, Run, TaskMove
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
# In Python 3.11 a word that is asked of its class costs ten times as much as a name, and all moves come by here.
_QUEUED, _CLAIMED = RunState.QUEUED, RunState.CLAIMED


def move(
    run: Run,
    verb: str,
    now: int,
    *,
    actor: str | None = None,
    data: dict[str, Any] | None = None,
    task: TaskMove | None = None,
    **changes: Any,
) -> Move:
    """The run after the verb, with what that means to its task. Raises `IllegalMove` when the verb leads nowhere."""
    to = target(run.state, verb)
    if to is None:
        raise IllegalMove(f"a run that is {run.state} cannot {_spoken(verb)}", state=run.state.value)
    implied = {**_implied(run.state, to), "updated_at": now}
    if to in ENDED:
        implied["finished_at"] = now
    elif run.queued_at is None and to is _QUEUED:
        implied["queued_at"] = now
    implied.update(changes)
    after = _due_again(msgspec.structs.replace(run, **implied))
    return Move(before=run, after=after, verb=verb, actor=actor, data=data or {}, task=task)


@cache
def _implied(state: RunState, to: RunState) -> dict[str, Any]:
    """What other fields are, but for times, of a run that was in the one state and is in the other."""
    implied: dict[str, Any] = {"state": to}
    if state in LEASED and to not in LEASED:
        implied["lease_until"] = None
        if to not in ENDED:
            # An ended run remembers its last lease, so that a repeated report is known for a repetition.
            implied["lease_hash"] = None
    if to not in LEASED and to not in FINAL and to is not RunState.DEAD_LETTER:
        implied |= _WORK_GONE
    if to is RunState.QUEUED or to in ENDED:
        implied |= {"next_retry_at": None, "waiting_for": None}
    if to is not RunState.QUEUED:
        implied |= UNHELD
    return implied


def changed(run: Run, **changes: Any) -> Run:
    """The run with other values and its deadline recomputed; the state stays."""
    return _due_again(msgspec.structs.replace(run, **changes))


def _due_again(copy: Run) -> Run:
    """The run with its deadline; nobody else has it yet, so setting that field saves making another copy."""
    msgspec.structs.force_setattr(copy, "due_at", due(copy))
    return copy


def due(run: Run) -> int | None:
    """When the timer must look at the run again, if ever."""
    found = _DUE.get(run.state)
    return found(run) if found is not None else None


def times_out_at(run: Run) -> int | None:
    """When the attempt has taken too long: counted from its start, or from its claim until it starts."""
    began = run.started_at or run.claimed_at
    if run.policy.timeout is None or began is None:
        return None
    return began + run.policy.timeout


def silent_at(run: Run) -> int | None:
    """When the executor has been silent for too long."""
    # Until work begins the lease alone decides: a run that was claimed and never started goes back as it was.
    if run.policy.heartbeat_grace is None or run.heartbeat_at is None or run.state is _CLAIMED:
        return None
    return run.heartbeat_at + run.policy.heartbeat_grace


def occupies(run: Run) -> bool:
    """Whether the run takes a place in its lanes: it may be claimed this instant, or is held by an executor."""
    return run.state in LEASED or (run.state is RunState.QUEUED and run.hold is None)


def _lease_over(run: Run) -> int | None:
    return _earliest(run.lease_until, times_out_at(run), silent_at(run))


def _earliest(*times: int | None) -> int | None:
    earliest = None
    for time in times:
        if time is not None and (earliest is None or time < earliest):
            earliest = time
    return earliest


_DUE: dict[RunState, Callable[[Run], int | None]] = {
    RunState.DRAFT: lambda run: run.expires_at,
    RunState.SCHEDULED: lambda run: _earliest(run.available_at, run.expires_at),
    RunState.QUEUED: lambda run: _earliest(run.next_retry_at if run.hold == "retry" else None, run.expires_at),
    **dict.fromkeys(LEASED, _lease_over),
    RunState.WAITING: lambda run: _earliest(run.waiting_for.until, run.waiting_for.again) if run.waiting_for else None,
}
"""When the timer must look at a run in each state; at one in another, never."""


def _spoken(verb: str) -> str:
    return {
        "bury": "be dead-lettered",
        "time_out": "time out",
        "run_now": "be rescheduled",
        "force_fail": "be failed",
    }.get(verb, verb)
