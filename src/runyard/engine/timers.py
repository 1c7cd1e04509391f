"""What time does to runs: one index of deadlines, one pass."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.moves import changed, move, silent_at, times_out_at
from runyard.domain.policy import Failure
from runyard.domain.records import Move, Run, Waiting
from runyard.domain.states import LEASED, RunState
from runyard.engine import approvals, dependents, lanes, parents
from runyard.engine.claims import expired
from runyard.engine.classes import rank_of
from runyard.engine.failures import failed
from runyard.engine.transitions import apply, end_waits
from runyard.storage.port import Tx
from runyard.storage.statements import lanes as lanes_sql
from runyard.storage.statements import runs as sql

BATCH = 500


def tick(tx: Tx, limit: int = BATCH) -> int:
    """Move every run whose deadline has passed (at most `limit`); how many there were."""
    due = sql.due(tx, limit)
    again = [run for run in due if _looks_again(run, tx.now)]
    looked = {run.id for run in again}
    # First, because what ends below may wake some of these.
    _look_again(tx, again)
    late = [run for run in due if run.id not in looked]
    undecided = approvals.undecided(tx, late)
    apply(tx, [_overdue(tx, run) for run in late if run.id not in undecided])
    # Last, because a refusal may cancel what hangs below, and some of these may hang there.
    approvals.lapse(tx, undecided.values())
    return len(due)


def next_due(tx: Tx) -> int | None:
    """When the timer has to work next, if anything is due ever."""
    return sql.next_due(tx)


def repair_lanes(tx: Tx, limit: int = 100) -> int:
    """Let held runs through where a place was left free because somebody had them locked."""
    return lanes.refill(tx, lanes_sql.with_room(tx, limit))


def _looks_again(run: Run, now: int) -> bool:
    wait = run.waiting_for
    if run.state is not RunState.WAITING or wait is None or wait.again is None or wait.again > now:
        return False
    return wait.until is None or wait.until > now


def _look_again(tx: Tx, waiting: Sequence[Run]) -> None:
    """Let those go on that wait for nothing any more, which nobody saw when their waiting began."""
    ids = [run.id for run in waiting if run.waiting_for is not None and run.waiting_for.kind == "dependency"]
    over = [*dependents.met(tx, ids), *parents.over(tx, waiting)]
    done = {run.id for run in over}
    still = [run for run in waiting if run.id not in done and run.waiting_for is not None]
    sql.save(tx, still, [changed(run, waiting_for=_unhurried(run.waiting_for)) for run in still])
    end_waits(tx, over)


def _unhurried(wait: Waiting | None) -> Waiting | None:
    return msgspec.structs.replace(wait, again=None) if wait is not None else None


def _overdue(tx: Tx, run: Run) -> Move:
    now = tx.now
    if run.state in LEASED:
        return _overdue_lease(tx, run)
    if run.state is RunState.WAITING:
        failure = Failure(message="nothing arrived in time", kind="timeout")
        said = {"error": failure.message, "error_class": failure.kind}
        return move(run, "time_out", now, data=said, error=_text(failure), error_class=failure.kind)
    if run.expires_at is not None and run.expires_at <= now:
        return expired(tx, run)
    if run.state is RunState.SCHEDULED:
        available = run.available_at or now
        return move(run, "promote", now, queued_at=now, rank=rank_of(tx, run.priority, available))
    # A queued run whose next try is due: nothing moves but the hold, and the journal says that it may be claimed again.
    return Move(before=run, after=_unheld(run, now), verb="promote", data={"reason": "retry due"})


def _overdue_lease(tx: Tx, run: Run) -> Move:
    now, policy = tx.now, run.policy
    deadline = times_out_at(run)
    if deadline is not None and deadline <= now:
        failure = Failure(
            message="execution timed out", kind="timeout", retryable=None if policy.retry_timeouts else False
        )
        return failed(tx, run, failure, exhausted="time_out", outcome="timed_out")
    silent = silent_at(run)
    quiet = silent is not None and silent <= now
    failure = Failure(message="heartbeat lost" if quiet else "lease expired", kind="lease_lost")
    if policy.lost_lease_counts or quiet:
        return failed(tx, run, failure, exhausted="crash", outcome="lost")
    if run.lost + 1 >= policy.lost_leases:
        poisoned = Failure(message=f"{run.lost + 1} leases expired in a row", kind="lease_lost", retryable=False)
        return failed(tx, run, poisoned, exhausted=None if policy.dead_letter else "crash", outcome="lost")
    return move(run, "reclaim", now, data={"worker": run.worker, "lost": run.lost + 1}, lost=run.lost + 1)


def _unheld(run: Run, now: int) -> Run:
    return changed(run, hold=None, next_retry_at=None, updated_at=now)


def _text(failure: Failure) -> str:
    return msgspec.json.encode(failure).decode()
