"""Pauses: runs that stand still until somebody lets them go on, and those that begin their attempt anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runyard.domain.records import Run
from runyard.domain.states import LEASED, RunState
from runyard.engine.runs import check_state, find, moved
from runyard.storage.port import Tx

PAUSABLE = frozenset({RunState.SCHEDULED, RunState.QUEUED, RunState.WAITING, RunState.PAUSED}) | LEASED


def pause(
    tx: Tx,
    project_id: int,
    run_id: str,
    *,
    actor: str | None = None,
    reason: str | None = None,
    among: frozenset[RunState] = PAUSABLE,
) -> Run:
    """Park the run, if it is in one of those states; whoever holds it loses the lease.

    Pausing a paused run changes nothing.
    """
    run = find(tx, project_id, run_id, lock=True)
    check_state(run, among, "paused")
    if run.state is RunState.PAUSED:
        return run
    kept = {"waiting_for": run.waiting_for, "next_retry_at": run.next_retry_at}
    return moved(tx, run, "pause", actor, reason, **kept)


def resume(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Let a paused run go on: it waits again for what it waited for, or is queued, or keeps its later time.

    The time to live of a run that was taken before starts anew when it has passed.
    """
    run = find(tx, project_id, run_id, lock=True)
    if run.state is RunState.PAUSED and run.waiting_for is not None and run.waiting_for.kind not in {"rate", "window"}:
        # What it waits for may have come while it was paused.
        wait = msgspec.structs.replace(run.waiting_for, again=tx.now)
        return moved(tx, run, "resume_wait", actor, reason, waiting_for=wait)
    if run.state is RunState.PAUSED and run.queued_at is None and (run.available_at or 0) > tx.now:
        return moved(tx, run, "resume_later", actor, reason)
    alive = _alive(run, tx.now)
    if run.state is RunState.PAUSED and (run.next_retry_at or 0) > tx.now:
        return moved(tx, run, "resume", actor, reason, hold="retry", next_retry_at=run.next_retry_at, **alive)
    return moved(tx, run, "resume", actor, reason, **alive)


def _alive(run: Run, now: int) -> dict[str, Any]:
    """Another end for a time to live that has passed since the run was taken in time."""
    ttl = run.time_to_live
    return {"expires_at": now + ttl} if ttl is not None and run.epoch > 0 and (run.expires_at or 0) <= now else {}


def restart(
    tx: Tx,
    project_id: int,
    run_id: str,
    *,
    actor: str | None = None,
    reason: str | None = None,
    notes: Mapping[str, str] | None = None,
) -> Run:
    """Queue a running or paused run again, at the attempt it is at, with these notes laid over its metadata.

    Whoever holds it loses the lease. Raises `IllegalMove` in any other state.
    """
    run = find(tx, project_id, run_id, lock=True)
    changes = _alive(run, tx.now)
    if notes:
        changes["metadata"] = msgspec.json.encode(_members(run.metadata) | dict(notes)).decode()
    return moved(tx, run, "restart", actor, reason, **changes)


def _members(metadata: str | None) -> dict[str, Any]:
    return msgspec.json.decode(metadata, type=dict[str, Any]) if metadata else {}
