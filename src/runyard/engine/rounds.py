"""Many reports at once: each decided for itself, all written together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runyard.domain.errors import Conflict, DomainError
from runyard.domain.records import Move, Run
from runyard.engine.proofs import fence, repeats, unbegun
from runyard.engine.reports import Outcome, Reported
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql

ROUNDS = 5
"""How many different reports on one run are taken in one transaction."""


def each(
    tx: Tx,
    reports: Sequence[Any],
    decide: Callable[[Run, Any], Move | Run | DomainError],
) -> list[Outcome]:
    """Lock the runs once, decide each report against its run, write all moves together.

    Calls that wait together are merged, so a run may be reported on twice; such reports count one after the other.
    """
    outcomes: list[Any] = [None] * len(reports)
    waiting = list(range(len(reports)))
    for _ in range(ROUNDS):
        waiting = _round(tx, reports, waiting, outcomes, decide)
        if not waiting:
            return outcomes
    for index in waiting:
        outcomes[index] = Conflict("the run was reported on too often at once; send the last report again")
    return outcomes


def _round(
    tx: Tx,
    reports: Sequence[Any],
    indexes: Sequence[int],
    outcomes: list[Any],
    decide: Callable[[Run, Any], Move | Run | DomainError],
) -> list[int]:
    """Answer one report of each run; the indexes of those that come after."""
    locked = runs_sql.lock(tx, [reports[index].run_id for index in indexes])
    moves: list[Move] = []
    places: list[int] = []
    kept: list[tuple[Run, Run]] = []
    first: dict[str, int] = {}
    twins: list[int] = []
    later: list[int] = []
    for index in indexes:
        report = reports[index]
        run = locked.get(report.run_id)
        if report.run_id in first:
            (twins if report == reports[first[report.run_id]] else later).append(index)
            continue
        error = fence(run, report, tx.now) or unbegun(run)
        if error is not None or run is None:
            outcomes[index] = Reported(run=run) if run is not None and repeats(run, report) else error
            continue
        first[report.run_id] = index
        try:
            decided = decide(run, report)
        except DomainError as refused:
            decided = refused
        if isinstance(decided, Move):
            moves.append(decided)
            places.append(index)
        elif isinstance(decided, Run):
            kept.append((run, decided))
            outcomes[index] = Reported(run=decided)
        else:
            outcomes[index] = decided
    for index, run in zip(places, apply(tx, moves), strict=True):
        outcomes[index] = Reported(run=run)
    runs_sql.save(tx, [before for before, _ in kept], [after for _, after in kept])
    for index in twins:
        outcomes[index] = outcomes[first[reports[index].run_id]]
    return later
