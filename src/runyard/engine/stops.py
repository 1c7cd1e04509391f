"""Stops: runs that people watch and want no more of. Asked for again, nothing changes, and the log says why."""

from __future__ import annotations

import msgspec

from runyard.domain.records import Run
from runyard.domain.states import LIVE, RunState
from runyard.engine import cancellations, runs, sizes
from runyard.storage.port import LogLine, Tx

REASON = 1000
"""How long a reason may be."""
STOPPABLE = LIVE - {RunState.DEAD_LETTER}
"""For who watches runs, one whose attempts are used up has ended."""


def stop(tx: Tx, project_id: int, run_id: str, *, reason: str | None = None, actor: str | None = None) -> Run:
    """Cancel a run, and tell the reason in its log and journal; one that is canceled stays as it is.

    Raises `NotFound`, `Invalid`, or `IllegalMove` for a run that has ended otherwise.
    """
    sizes.plain("the reason", reason, longest=REASON)
    before = runs.find(tx, project_id, run_id, lock=True)
    run = cancellations.cancel(
        tx, project_id, run_id, actor=actor, reason=reason, among=STOPPABLE | {RunState.CANCELED}
    )
    if before.state is not RunState.CANCELED:
        message = f"Canceled: {reason}" if reason else "Canceled"
        data = msgspec.json.encode({"reason": reason}).decode() if reason else None
        tx.emit(LogLine(project_id, run.id, run.attempt, tx.now, "info", message, data))
    return run
