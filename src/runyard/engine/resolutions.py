"""Resolutions: what people make of runs that did not succeed: queue them again, give them up, or call them handled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.errors import IllegalMove
from runyard.domain.moves import move
from runyard.domain.records import Move, Run
from runyard.domain.states import PARKED, RESOLVABLE, RunState
from runyard.engine import transitions
from runyard.engine.classes import rank_of
from runyard.engine.runs import Outcome, because, check_state, each, only
from runyard.storage.port import Tx


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
        check_state(run, among, "requeued")
        ttl = run.time_to_live
        return move(
            run,
            "requeue",
            tx.now,
            actor=actor,
            data=because(reason),
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
    resolution = {"kind": "discarded"} | (because(reason) or {}) | ({"by": actor} if actor else {})
    handled: dict[str, Any] = {"resolved_at": tx.now, "resolution": msgspec.json.encode(resolution).decode()}

    def decide(run: Run) -> Move:
        return move(run, "discard", tx.now, actor=actor, data=because(reason), **handled)

    return each(tx, project_id, ids, decide)


def resolve(tx: Tx, /, project_id: int, run_id: str, **said: Any) -> Run:
    """`resolve_many` of one run. Raises what it is refused with."""
    return only(resolve_many(tx, project_id, [run_id], **said))


def resolve_many(
    tx: Tx, project_id: int, ids: Sequence[str], *, actor: str | None = None, reason: str | None = None
) -> list[Outcome]:
    """Mark unsuccessful runs as handled. Doing so again changes nothing."""
    resolution = {"kind": "resolved"} | (because(reason) or {})
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
