"""What follows a failed attempt: another one, or the end the policy has for it."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.moves import move
from runyard.domain.policy import Failure, Retry, after_failure
from runyard.domain.records import Move, Run
from runyard.engine.classes import rank_of
from runyard.storage.port import Tx


def failed(
    tx: Tx,
    run: Run,
    failure: Failure,
    *,
    actor: str | None = None,
    retry_after: int | None = None,
    started_at: int | None = None,
    exhausted: str | None = None,
    outcome: str | None = None,
    trace: str | None = None,
) -> Move:
    """The move that follows a failed attempt; `exhausted` is the verb when nothing is left (else the policy's)."""
    decision = after_failure(
        run.policy, failure, attempt=run.attempt, now=tx.now, dice=tx.dice(), retry_after=retry_after
    )
    seen: dict[str, Any] = {"error": told(failure), "error_class": failure.kind}
    said: dict[str, Any] = {"error": failure.message[:500], "error_class": failure.kind}
    if outcome is not None:
        said["outcome"] = outcome
    if isinstance(decision, Retry):
        boosted = min(10, run.priority + run.policy.retry_priority_boost)
        return move(
            msgspec.structs.replace(run, started_at=started_at or run.started_at),
            "retry",
            tx.now,
            actor=actor,
            data=said | {"next_attempt": run.attempt + 1, "at": decision.at},
            hold="retry",
            next_retry_at=decision.at,
            attempt=run.attempt + 1,
            priority=boosted,
            rank=run.rank if boosted == run.priority else rank_of(tx, boosted, run.queued_at or tx.now),
            **seen,
        )
    verb = exhausted or ("bury" if run.policy.dead_letter else "fail")
    return move(
        run,
        verb,
        tx.now,
        actor=actor,
        data=said | {"reason": decision.reason},
        started_at=started_at or run.started_at,
        trace=trace or run.trace,
        **seen,
    )


def told(failure: Failure) -> str:
    """A failure as it is kept with the run."""
    return msgspec.json.encode(failure).decode()
