"""Finding runs, and what people do with them: one, or many in a few statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.errors import DomainError, IllegalMove, NotFound
from runyard.domain.moves import UNHELD, move
from runyard.domain.records import Job, Move, Run
from runyard.domain.states import FINAL, LEASED, LIVE, PARKED, RESOLVABLE, RunState
from runyard.engine import cascades, dependents, rates, transitions
from runyard.engine.classes import rank_of
from runyard.engine.specs import check_payload, spec_of
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import attempts, jobs
from runyard.storage.statements import runs as sql

MAX_DEPTH = 100
"""How deep runs may be nested, and so how far a cancellation reaches."""
PAUSABLE = frozenset({RunState.SCHEDULED, RunState.QUEUED, RunState.WAITING, RunState.PAUSED}) | LEASED
Outcome = Run | DomainError
"""What became of one of many runs."""
_json = msgspec.json.Encoder()


def find(tx: Tx, project_id: int, run_id: str, *, lock: bool = False) -> Run:
    """The run. Raises `NotFound`, for another project's run as well."""
    run = (sql.lock if lock else sql.get)(tx, [run_id]).get(run_id)
    if run is None or run.project_id != project_id:
        raise _unknown(run_id)
    return run


def lock_many(tx: Tx, project_id: int, ids: Sequence[str]) -> dict[str, Run]:
    """The project's runs of those ids, locked; others are absent."""
    wanted = [run_id for run_id in ids if "\0" not in run_id]
    return {key: run for key, run in sql.lock(tx, wanted).items() if run.project_id == project_id} if wanted else {}


def each(tx: Tx, project_id: int, ids: Sequence[str], decide: Callable[[Run], Move | Run]) -> list[Outcome]:
    """Lock the runs once, decide on each, write all moves together; what became of each id, in their order.

    `decide` gives a move, or the run itself where nothing is to be done, or raises why not.
    """
    found = lock_many(tx, project_id, ids)
    outcomes: dict[str, Outcome] = {}
    moves: list[Move] = []
    for run_id in dict.fromkeys(ids):
        try:
            decided = decide(found[run_id]) if run_id in found else _unknown(run_id)
        except DomainError as refused:
            outcomes[run_id] = refused
            continue
        if isinstance(decided, Move):
            moves.append(decided)
        else:
            outcomes[run_id] = decided
    for run in apply(tx, moves):
        outcomes[run.id] = run
    return [outcomes[run_id] for run_id in ids]


def only(outcomes: Sequence[Outcome]) -> Run:
    """The one run, or what it was refused with, raised."""
    (outcome,) = outcomes
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _unknown(run_id: str) -> NotFound:
    return NotFound(f"there is no run {run_id[:64]} in this project")


def _check(run: Run, among: frozenset[RunState], done: str) -> None:
    if run.state not in among:
        raise IllegalMove(f"a run that is {run.state} cannot be {done}", state=run.state.value)


def _said(reason: str | None) -> dict[str, Any] | None:
    return {"reason": reason} if reason else None


def _moved(tx: Tx, run: Run, verb: str, actor: str | None, reason: str | None, **changes: Any) -> Run:
    return apply(tx, [move(run, verb, tx.now, actor=actor, data=_said(reason), **changes)])[0]


def cancel(tx: Tx, /, project_id: int, run_id: str, **said: Any) -> Run:
    """`cancel_many` of one run. Raises what it is refused with."""
    return only(cancel_many(tx, project_id, [run_id], **said))


def cancel_many(
    tx: Tx,
    project_id: int,
    ids: Sequence[str],
    *,
    actor: str | None = None,
    reason: str | None = None,
    among: frozenset[RunState] = LIVE | {RunState.CANCELED},
    levels: int = MAX_DEPTH,
) -> list[Outcome]:
    """Cancel the runs in those states, and what is in one of them so many levels below (very many soon after).

    Any other run is refused; a canceled one, where such may be meant, is answered as it is.
    """
    error = _error(reason or "canceled", "canceled")

    def decide(run: Run) -> Move | Run:
        _check(run, among, "canceled")
        if run.state is RunState.CANCELED:
            return run
        said: dict[str, Any] = {"data": _said(reason), "error": error, "error_class": "canceled"}
        return move(run, "cancel", tx.now, actor=actor, **said)

    outcomes = each(tx, project_id, ids, decide)
    canceled = {run.id for run in outcomes if isinstance(run, Run) and run.updated_at == tx.now}
    cascades.cancel_below(tx, project_id, sorted(canceled), actor=actor, among=among - FINAL, levels=levels)
    return outcomes


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
    _check(run, among, "paused")
    if run.state is RunState.PAUSED:
        return run
    kept = {"waiting_for": run.waiting_for, "next_retry_at": run.next_retry_at}
    return _moved(tx, run, "pause", actor, reason, **kept)


def resume(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Let a paused run go on: it waits again for what it waited for, or is queued, or keeps its later time.

    The time to live of a run that was taken before starts anew when it has passed.
    """
    run = find(tx, project_id, run_id, lock=True)
    if run.state is RunState.PAUSED and run.waiting_for is not None and run.waiting_for.kind not in {"rate", "window"}:
        # What it waits for may have come while it was paused.
        wait = msgspec.structs.replace(run.waiting_for, again=tx.now)
        return _moved(tx, run, "resume_wait", actor, reason, waiting_for=wait)
    if run.state is RunState.PAUSED and run.queued_at is None and (run.available_at or 0) > tx.now:
        return _moved(tx, run, "resume_later", actor, reason)
    alive = _alive(run, tx.now)
    if run.state is RunState.PAUSED and (run.next_retry_at or 0) > tx.now:
        return _moved(tx, run, "resume", actor, reason, hold="retry", next_retry_at=run.next_retry_at, **alive)
    return _moved(tx, run, "resume", actor, reason, **alive)


def _alive(run: Run, now: int) -> dict[str, Any]:
    """Another end for a time to live that has passed since the run was taken in time."""
    ttl = time_to_live(run)
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
        changes["metadata"] = _json.encode(_members(run.metadata) | dict(notes)).decode()
    return _moved(tx, run, "restart", actor, reason, **changes)


def _members(metadata: str | None) -> dict[str, Any]:
    return msgspec.json.decode(metadata, type=dict[str, Any]) if metadata else {}


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
    if run.state is RunState.DRAFT and dependents.unmet(tx, [run]):
        return _moved(tx, run, "hold", actor, reason, waiting_for=dependents.begun(tx))
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
    """Give a run that nobody has begun to work on another time, perhaps another payload; its time to live moves along.

    Raises `IllegalMove` or `PayloadMismatch`.
    """
    run = find(tx, project_id, run_id, lock=True)
    if run.epoch > 0 and attempts.begun(tx, [run.id]):
        raise IllegalMove("a run that was begun before cannot be rescheduled; replay it instead", state=run.state.value)
    if payload is not None:
        check_edited(tx, run, payload)
    at = available_at if available_at is not None and available_at > tx.now else None
    shift = (at or tx.now) - (run.available_at or run.queued_at or run.created_at)
    # A pause before the next try is over with the new time; limits are asked anew.
    changes: dict[str, Any] = {"available_at": at, "waiting_for": None, "next_retry_at": None} | UNHELD
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


def requeue(tx: Tx, /, project_id: int, run_id: str, **said: Any) -> Run:
    """`requeue_many` of one run. Raises what it is refused with."""
    return only(requeue_many(tx, project_id, [run_id], **said))


def requeue_many(
    tx: Tx,
    project_id: int,
    ids: Sequence[str],
    *,
    actor: str | None = None,
    reason: str | None = None,
    among: frozenset[RunState] = PARKED,
) -> list[Outcome]:
    """Take runs out of the dead letter (or back from needing attention): the same runs, first attempt again."""

    def decide(run: Run) -> Move:
        _check(run, among, "requeued")
        ttl = time_to_live(run)
        return move(
            run,
            "requeue",
            tx.now,
            actor=actor,
            data=_said(reason),
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

    return each(tx, project_id, ids, decide)


def discard(tx: Tx, /, project_id: int, run_id: str, **said: Any) -> Run:
    """`discard_many` of one run. Raises what it is refused with."""
    return only(discard_many(tx, project_id, [run_id], **said))


def discard_many(
    tx: Tx, project_id: int, ids: Sequence[str], *, actor: str | None = None, reason: str | None = None
) -> list[Outcome]:
    """Give dead-lettered runs up for good: they end as failed, and as handled."""
    resolution = {"kind": "discarded"} | (_said(reason) or {}) | ({"by": actor} if actor else {})
    handled = {"resolved_at": tx.now, "resolution": _json.encode(resolution).decode()}

    def decide(run: Run) -> Move:
        return move(run, "discard", tx.now, actor=actor, data=_said(reason), **handled)

    return each(tx, project_id, ids, decide)


def resolve(tx: Tx, /, project_id: int, run_id: str, **said: Any) -> Run:
    """`resolve_many` of one run. Raises what it is refused with."""
    return only(resolve_many(tx, project_id, [run_id], **said))


def resolve_many(
    tx: Tx, project_id: int, ids: Sequence[str], *, actor: str | None = None, reason: str | None = None
) -> list[Outcome]:
    """Mark unsuccessful runs as handled. Doing so again changes nothing."""
    resolution = {"kind": "resolved"} | (_said(reason) or {})
    open_runs: dict[str, Run] = {}

    def decide(run: Run) -> Run:
        if run.state not in RESOLVABLE:
            raise IllegalMove(f"a run that is {run.state} has nothing to resolve", state=run.state.value)
        if run.resolved_at is None:
            open_runs[run.id] = run
        return run

    outcomes = each(tx, project_id, ids, decide)
    done = {
        run.id: run for run in transitions.resolve(tx, list(open_runs.values()), actor=actor, resolution=resolution)
    }
    return [done.get(run.id, run) if isinstance(run, Run) else run for run in outcomes]


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
