"""Finding runs, and deciding on many in a few statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runyard.domain.errors import DomainError, IllegalMove, NotFound
from runyard.domain.moves import move
from runyard.domain.records import Job, Move, Run
from runyard.domain.states import RunState
from runyard.engine.specs import check_payload, spec_of
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import jobs
from runyard.storage.statements import runs as sql

MAX_DEPTH = 100
"""How deep runs may be nested, and so how far a cancellation reaches."""
Outcome = Run | DomainError
"""What became of one of many runs."""


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


def check_state(run: Run, among: frozenset[RunState], done: str) -> None:
    """Raise `IllegalMove` when the run is in none of these states; `done` says what it cannot be."""
    if run.state not in among:
        raise IllegalMove(f"a run that is {run.state} cannot be {done}", state=run.state.value)


def because(reason: str | None) -> dict[str, Any] | None:
    """A reason as the journal has it."""
    return {"reason": reason} if reason else None


def moved(tx: Tx, run: Run, verb: str, actor: str | None, reason: str | None, **changes: Any) -> Run:
    """The locked run after the verb. Raises `IllegalMove`."""
    return apply(tx, [move(run, verb, tx.now, actor=actor, data=because(reason), **changes)])[0]


def check_edited(tx: Tx, run: Run, payload: str) -> None:
    """Raise `PayloadMismatch` when another payload for the run does not match what its job asks for now."""
    job = job_of(tx, run)
    if job is not None:
        check_payload(spec_of(job), payload)


def job_of(tx: Tx, run: Run) -> Job | None:
    """The run's job as it is now; None for an ad-hoc run, or when the job is gone."""
    return jobs.by_name_or_id(tx, run.project_id, [run.job_id]).get(run.job_id) if run.job_id is not None else None
