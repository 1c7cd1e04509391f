"""Why a run is where it is, what would change that, and how many stand before it."""

from __future__ import annotations

import msgspec

from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import standings
from runyard.engine.reasons import Reason, ended, leased, paused, time_told, waiting
from runyard.engine.runs import find
from runyard.storage.port import Tx

SOON = 600_000_000
"""A time to live that ends within this time is worth a word."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run is where it is; the first reason is the one that weighs most."""

    run_id: str
    state: str
    summary: str
    reasons: list[Reason]
    position: int | None
    """How many claimable runs of its queue stand before it, up to `reasons.COUNTED`; None when it is not one."""


def explain(tx: Tx, project_id: int, run_id: str) -> Explanation:
    """Why the run is where it is. Raises `NotFound`."""
    run = find(tx, project_id, run_id)
    reasons, position = _reasons(tx, run)
    disabled = standings.disabled(tx, run)
    if disabled is not None:
        reasons, position = [disabled, *reasons], None
    soon = run.expires_at is not None and run.expires_at <= tx.now + SOON
    if soon and run.state in {RunState.DRAFT, RunState.SCHEDULED, RunState.QUEUED}:
        reasons.append(
            Reason(
                code="expires_soon",
                detail=f"its time to live ends at {time_told(run.expires_at)} unless it is claimed before",
                remedy="reschedule it to give it more time",
                until=run.expires_at,
            )
        )
    return Explanation(
        run_id=run.id, state=run.state.value, summary=reasons[0].detail, reasons=reasons, position=position
    )


def _reasons(tx: Tx, run: Run) -> tuple[list[Reason], int | None]:
    match run.state:
        case RunState.DRAFT:
            detail = "it is a draft: recorded, and nobody has asked for it to run"
            return [Reason(code="draft", detail=detail, remedy="publish it")], None
        case RunState.SCHEDULED:
            return [standings.scheduled(run)], None
        case RunState.QUEUED if run.hold is not None:
            return [standings.held(tx, run)], None
        case RunState.QUEUED:
            return standings.claimable(tx, run)
        case RunState.CLAIMED | RunState.STARTING | RunState.RUNNING:
            return [leased(run)], None
        case RunState.WAITING:
            return [waiting(tx, run)], None
        case RunState.PAUSED:
            return [paused(tx, run)], None
        case RunState.NEEDS_ATTENTION:
            detail = "nobody took it in time, and it waits for a person"
            return [Reason(code="needs_attention", detail=detail, remedy="requeue, discard or cancel it")], None
        case _:
            return [ended(tx, run)], None
