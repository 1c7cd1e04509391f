"""Finding runs, and what people do with them."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.errors import IllegalMove, NotFound
from runyard.domain.moves import move
from runyard.domain.records import Job, Run
from runyard.domain.states import FINAL, RESOLVABLE, RunState
from runyard.engine import rates, transitions
from runyard.engine.leases import rank_of
from runyard.engine.specs import check_payload, spec_of
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import jobs
from runyard.storage.statements import runs as sql

MAX_DEPTH = 100
"""How deep runs may be nested, and so how far a cancellation reaches."""
_json = msgspec.json.Encoder()


def find(tx: Tx, project_id: int, run_id: str, *, lock: bool = False) -> Run:
    """The run. Raises `NotFound`, for another project's run as well."""
    run = (sql.lock if lock else sql.get)(tx, [run_id]).get(run_id)
    if run is None or run.project_id != project_id:
        raise NotFound(f"there is no run {run_id} in this project")
    return run


def _moved(tx: Tx, run: Run, verb: str, actor: str | None, reason: str | None, **changes: Any) -> Run:
    data = {"reason": reason} if reason else None
    return apply(tx, [move(run, verb, tx.now, actor=actor, data=data, **changes)])[0]


def cancel(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Cancel the run and every live run below it. An ended run is refused; a canceled one is answered as it is."""
    run = find(tx, project_id, run_id, lock=True)
    if run.state is RunState.CANCELED:
        return run
    after = _moved(
        tx, run, "cancel", actor, reason, error=_error(reason or "canceled", "canceled"), error_class="canceled"
    )
    _cancel_below(tx, [run.id], actor)
    return after


def _cancel_below(tx: Tx, ids: list[str], actor: str | None) -> None:
    for _ in range(MAX_DEPTH):
        children = [sql.from_row(row) for row in tx.wide_rows(sql.CHILDREN, ids=sorted(ids))] if ids else []
        if not children:
            return
        live = [run for run in children if run.state not in FINAL]
        said: dict[str, Any] = {"data": {"reason": "parent canceled"}, "error_class": "canceled"}
        error = _error("parent run canceled", "canceled")
        apply(tx, [move(run, "cancel", tx.now, actor=actor, error=error, **said) for run in live])
        ids = [run.id for run in children]


def pause(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Park the run; whoever holds it loses the lease. Pausing a paused run changes nothing."""
    run = find(tx, project_id, run_id, lock=True)
    if run.state is RunState.PAUSED:
        return run
    kept = {"waiting_for": run.waiting_for, "next_retry_at": run.next_retry_at}
    return _moved(tx, run, "pause", actor, reason, **kept)


def resume(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Let a paused run go on: it waits again for what it waited for, or is queued, or keeps its later time."""
    run = find(tx, project_id, run_id, lock=True)
    if run.state is RunState.PAUSED and run.waiting_for is not None and run.waiting_for.kind != "rate":
        return _moved(tx, run, "resume_wait", actor, reason, waiting_for=run.waiting_for)
    if run.state is RunState.PAUSED and run.queued_at is None and (run.available_at or 0) > tx.now:
        return _moved(tx, run, "resume_later", actor, reason)
    if run.state is RunState.PAUSED and (run.next_retry_at or 0) > tx.now:
        return _moved(tx, run, "resume", actor, reason, hold="retry", next_retry_at=run.next_retry_at)
    return _moved(tx, run, "resume", actor, reason)


def publish(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Ask for a draft to be run."""
    run = find(tx, project_id, run_id, lock=True)
    job, turn = job_of(tx, run), run
    if job is not None and run.state is RunState.DRAFT:
        # The job's rate gives a draft its turn only now that it is asked for.
        turn = rates.turn(tx, msgspec.structs.replace(run, state=RunState.QUEUED), spec_of(job))
    if (turn.available_at or 0) > tx.now:
        later = {"available_at": turn.available_at, "waiting_for": turn.waiting_for}
        return _moved(tx, run, "schedule", actor, reason, **later)
    return _moved(tx, run, "publish", actor, reason, rank=rank_of(tx, run.priority, tx.now))


def reschedule(
    tx: Tx,
    project_id: int,
    run_id: str,
    *,
    available_at: int | None,
    payload: str | None = None,
    actor: str | None = None,
) -> Run:
    """Give a run nobody has taken another time, perhaps another payload; its time to live moves along."""
    run = find(tx, project_id, run_id, lock=True)
    if run.epoch > 0:
        raise IllegalMove(
            "a run that was claimed before cannot be rescheduled; replay it instead", state=run.state.value
        )
    if payload is not None:
        check_edited(tx, run, payload)
    at = available_at if available_at is not None and available_at > tx.now else None
    shift = (at or tx.now) - (run.available_at or run.queued_at or run.created_at)
    changes: dict[str, Any] = {"available_at": at, "waiting_for": None}
    if run.expires_at is not None:
        changes["expires_at"] = max(run.expires_at + shift, (at or tx.now) + 1)
    if at is None:
        changes |= {"rank": rank_of(tx, run.priority, tx.now), "queued_at": tx.now}
    else:
        changes |= {"rank": rank_of(tx, run.priority, at), "queued_at": None}
    verb = "reschedule" if at is not None else "publish" if run.state is RunState.DRAFT else "run_now"
    after = _moved(tx, run, verb, actor, None, **changes)
    if payload is not None:
        tx.run(sql.SET_PAYLOAD, id=run.id, payload=payload)
        after = msgspec.structs.replace(after, payload=payload)
    return after


def requeue(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Take a run out of the dead letter (or back from needing attention): the same run, first attempt again."""
    run = find(tx, project_id, run_id, lock=True)
    ttl = time_to_live(run)
    return _moved(
        tx,
        run,
        "requeue",
        actor,
        reason,
        attempt=1,
        lost=0,
        queued_at=tx.now,
        available_at=None,
        rank=rank_of(tx, run.priority, tx.now),
        finished_at=None,
        error=None,
        error_class=None,
        lease_hash=None,
        resolved_at=None,
        resolution=None,
        expires_at=tx.now + ttl if ttl is not None else None,
    )


def discard(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Give a dead-lettered run up for good: it ends as failed, and as handled."""
    run = find(tx, project_id, run_id, lock=True)
    resolution = {"kind": "discarded"} | ({"reason": reason} if reason else {}) | ({"by": actor} if actor else {})
    text = _json.encode(resolution).decode()
    return _moved(tx, run, "discard", actor, reason, resolved_at=tx.now, resolution=text)


def resolve(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Mark an unsuccessful run as handled. Doing so again changes nothing."""
    run = find(tx, project_id, run_id, lock=True)
    if run.state not in RESOLVABLE:
        raise IllegalMove(f"a run that is {run.state} has nothing to resolve", state=run.state.value)
    if run.resolved_at is not None:
        return run
    resolution = {"kind": "resolved"} | ({"reason": reason} if reason else {})
    return transitions.resolve(tx, run, actor=actor, resolution=resolution)


def check_edited(tx: Tx, run: Run, payload: str) -> None:
    """Raise `PayloadMismatch` when another payload for the run does not match what its job asks for now."""
    job = job_of(tx, run)
    if job is not None:
        check_payload(spec_of(job), payload)


def job_of(tx: Tx, run: Run) -> Job | None:
    """The run's job as it is now; None for an ad-hoc run, or when the job is gone."""
    return jobs.by_name_or_id(tx, run.project_id, [run.job_id]).get(run.job_id) if run.job_id is not None else None


def time_to_live(run: Run) -> int | None:
    """How long the run was to wait to be taken, from when it could be; None for as long as it takes."""
    if run.expires_at is None:
        return None
    return run.expires_at - (run.available_at or run.queued_at or run.created_at)


def _error(message: str, kind: str) -> str:
    return _json.encode({"message": message, "kind": kind}).decode()
