"""Which runs wait for runs below them, and which of them need wait no longer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runyard.domain.records import Run
from runyard.storage.port import Tx
from runyard.storage.statements import parents as sql
from runyard.storage.statements import runs as runs_sql

BELOW = frozenset({"children", "descendants"})
LEVELS = 100
"""How deep runs may be nested."""


def freed(tx: Tx, ended: Iterable[Run]) -> list[Run]:
    """The runs above these, locked, that waited for them and need wait no longer."""
    parents = {run.parent_id for run in ended if run.parent_id is not None}
    if not parents:
        return []
    above = sql.waiting_above(tx, sorted(parents), LEVELS)
    # Lock first, look second: of two transactions that end the last two children, the later one sees both ended.
    return over(tx, list(runs_sql.lock(tx, sorted(parents.union(above))).values()))


def over(tx: Tx, runs: Sequence[Run]) -> list[Run]:
    """Those of the runs that wait for runs below them all of which have ended."""
    waiting = [run for run in runs if run.waiting_for is not None and run.waiting_for.kind in BELOW]
    if not waiting:
        return []
    still = sql.with_open_children(tx, [run.id for run in waiting])
    done = [run for run in waiting if run.id not in still]
    busy = _busy_below(tx, [run.id for run in done if run.waiting_for and run.waiting_for.kind == "descendants"])
    return [run for run in done if run.id not in busy]


def _busy_below(tx: Tx, roots: Sequence[str]) -> set[str]:
    """Those of the runs that have descendants which have not ended, though their children have."""
    busy: set[str] = set()
    level = {run_id: run_id for run_id in roots}
    """The runs looked at, and the root that each is below."""
    for _ in range(LEVELS):
        children = sql.children(tx, sorted(level))
        level = {run_id: level[parent_id] for run_id, parent_id in children}
        if not level:
            break
        busy |= {level[run_id] for run_id in sql.with_open_children(tx, sorted(level))}
        level = {run_id: root for run_id, root in level.items() if root not in busy}
    return busy
