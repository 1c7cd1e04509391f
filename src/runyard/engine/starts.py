"""Starts: when a run that nobody has begun to work on is to begin."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.errors import IllegalMove
from runyard.domain.moves import UNHELD
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import dependents, rates
from runyard.engine.classes import rank_of
from runyard.engine.runs import check_edited, find, job_of, moved
from runyard.engine.specs import spec_of
from runyard.storage.port import Tx
from runyard.storage.statements import attempts
from runyard.storage.statements import runs as sql


def publish(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Ask for a draft to be run."""
    run = find(tx, project_id, run_id, lock=True)
    job, turn = job_of(tx, run), run
    if job is not None and run.state is RunState.DRAFT:
        # The job's rate gives a draft its turn only now that it is asked for.
        turn = rates.turn(tx, msgspec.structs.replace(run, state=RunState.QUEUED), spec_of(job))
    if (turn.available_at or 0) > tx.now:
        later = {"available_at": turn.available_at, "waiting_for": turn.waiting_for}
        return moved(tx, run, "schedule", actor, reason, **later)
    if run.state is RunState.DRAFT and dependents.unmet(tx, [run]):
        return moved(tx, run, "hold", actor, reason, waiting_for=dependents.begun(tx))
    return moved(tx, run, "publish", actor, reason, rank=rank_of(tx, run.priority, tx.now))


def reschedule(
    tx: Tx,
    project_id: int,
    run_id: str,
    *,
    available_at: int | None,
    payload: str | None = None,
    actor: str | None = None,
) -> Run:
    """Give a run that nobody has begun to work on another time, perhaps another payload; its time to live moves along.

    Raises `IllegalMove` or `PayloadMismatch`.
    """
    run = find(tx, project_id, run_id, lock=True)
    if run.epoch > 0 and attempts.begun(tx, [run.id]):
        raise IllegalMove("a run that was begun before cannot be rescheduled; replay it instead", state=run.state.value)
    if payload is not None:
        check_edited(tx, run, payload)
    at = available_at if available_at is not None and available_at > tx.now else None
    # A pause before the next try is over with the new time; limits are asked anew.
    changes: dict[str, Any] = {"available_at": at, "waiting_for": None, "next_retry_at": None} | UNHELD
    if run.time_to_live is not None:
        changes["expires_at"] = (at or tx.now) + max(run.time_to_live, 1)
    if at is None:
        changes |= {"rank": rank_of(tx, run.priority, tx.now), "queued_at": tx.now}
    else:
        changes |= {"rank": rank_of(tx, run.priority, at), "queued_at": None}
    verb = "reschedule" if at is not None else "publish" if run.state is RunState.DRAFT else "run_now"
    after = moved(tx, run, verb, actor, None, **changes)
    if payload is not None:
        tx.run(sql.SET_PAYLOAD, id=run.id, payload=payload)
        after = msgspec.structs.replace(after, payload=payload)
    return after
