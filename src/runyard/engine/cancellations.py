"""Cancellations: runs that nobody is to work on any more, one or many, with what hangs below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runyard.domain.moves import move
from runyard.domain.policy import Failure
from runyard.domain.records import Move, Run
from runyard.domain.states import FINAL, LIVE, RunState
from runyard.engine import cascades
from runyard.engine.failures import told
from runyard.engine.runs import MAX_DEPTH, Outcome, because, check_state, each, only
from runyard.storage.port import Tx


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
    error = told(Failure(message=reason or "canceled", kind="canceled"))

    def decide(run: Run) -> Move | Run:
        check_state(run, among, "canceled")
        if run.state is RunState.CANCELED:
            return run
        said: dict[str, Any] = {"data": because(reason), "error": error, "error_class": "canceled"}
        return move(run, "cancel", tx.now, actor=actor, **said)

    outcomes = each(tx, project_id, ids, decide)
    canceled = {run.id for run in outcomes if isinstance(run, Run) and run.updated_at == tx.now}
    cascades.cancel_below(tx, project_id, sorted(canceled), actor=actor, among=among - FINAL, levels=levels)
    return outcomes
