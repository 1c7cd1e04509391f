"""Idempotency keys: which run answers for one, and for how long."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.errors import IllegalMove, Raced
from runyard.domain.moves import changed
from runyard.domain.records import Run
from runyard.domain.states import ENDED, RunState
from runyard.engine.ledger import journal
from runyard.engine.runs import find
from runyard.storage.port import Tx
from runyard.storage.statements import idempotency as sql
from runyard.storage.statements import runs as runs_sql


def _scope(run: Run) -> str:
    return run.job_id or ""


def take(tx: Tx, runs: Sequence[Run]) -> dict[str, Run]:
    """Take the idempotency keys of new runs; for each run whose key is in use, the run that has it.

    Raises `Raced` when a key was in use and freed while this was about to answer with its run.
    """
    keyed = [run for run in runs if run.idempotency_key is not None]
    if not keyed:
        return {}
    rows = [(run.project_id, _scope(run), run.idempotency_key or "", run.id) for run in keyed]
    sql.take(tx, rows)
    mine = {run.id: run for run in keyed}
    duplicates: dict[str, Run] = {}
    for project_id in {run.project_id for run in keyed}:
        group = [run for run in keyed if run.project_id == project_id]
        holders = sql.holders(tx, project_id, [(_scope(run), run.idempotency_key or "") for run in group])
        others = runs_sql.get(tx, sorted({run_id for run_id in holders.values() if run_id not in mine}))
        for run in group:
            key = (_scope(run), run.idempotency_key or "")
            holder = holders.get(key)
            if holder is None:
                raise _raced()
            if holder == run.id:
                continue
            twin = mine.get(holder) or others.get(holder)
            if twin is not None and _answers(twin, tx.now):
                duplicates[run.id] = twin
            elif tx.run(sql.RETAKE, project_id=project_id, scope=key[0], name=key[1], stale=holder, run_id=run.id):
                holders[key] = run.id
            else:
                winner = next(iter(runs_sql.get(tx, list(sql.holders(tx, project_id, [key]).values())).values()), None)
                if winner is None:
                    raise _raced()
                duplicates[run.id] = winner
    return duplicates


def _raced() -> Raced:
    return Raced("the idempotency key was freed at this very moment; ask again")


def answers(tx: Tx, project_id: int, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Run]:
    """The run that answers for each (scope, name) now, where there is one."""
    holders = sql.holders(tx, project_id, keys)
    found = runs_sql.get(tx, sorted(set(holders.values()))) if holders else {}
    return {
        key: found[run_id] for key, run_id in holders.items() if run_id in found and _answers(found[run_id], tx.now)
    }


def give_back(tx: Tx, runs: Sequence[Run]) -> None:
    """Free the keys that were just taken for runs that are not made."""
    for run in runs:
        if run.idempotency_key is not None:
            tx.run(sql.FREE, project_id=run.project_id, scope=_scope(run), name=run.idempotency_key, run_id=run.id)


def lend(tx: Tx, lent: Sequence[tuple[Run, Sequence[str]]]) -> None:
    """Let each run answer for these keys besides its own."""
    rows = [(run.project_id, _scope(run), name, run.id) for run, names in lent for name in names]
    if rows:
        sql.lend(tx, rows)


def reset(
    tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, spare: frozenset[RunState] = frozenset()
) -> Run:
    """Free the run's idempotency key for a new run; without a key nothing happens.

    Raises `NotFound`, and `IllegalMove` when the run is in a state to be spared.
    """
    run = find(tx, project_id, run_id, lock=True)
    if run.state in spare:
        raise IllegalMove(f"a run that is {run.state} keeps its idempotency key", state=run.state.value)
    if run.idempotency_key is None:
        return run
    tx.run(sql.FREE, project_id=project_id, scope=_scope(run), name=run.idempotency_key, run_id=run.id)
    after = changed(run, idempotency_key=None, updated_at=tx.now)
    runs_sql.save(tx, [run], [after])
    journal(tx, after, "run.idempotency_reset", actor, {})
    return after


def _answers(run: Run, now: int) -> bool:
    """Whether a run still holds its key: while it is live, and for its policy's window after its end."""
    if run.state not in ENDED or run.finished_at is None or run.policy.idempotency_window is None:
        return True
    return run.finished_at + run.policy.idempotency_window > now
