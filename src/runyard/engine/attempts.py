"""The tries at a run, as they ended."""

from __future__ import annotations

from runyard.domain.records import Attempt
from runyard.domain.slices import Slice
from runyard.engine import runs
from runyard.storage.port import Tx
from runyard.storage.statements import attempts as sql


def of_run(tx: Tx, project_id: int, run_id: str, *, after: int = 0, limit: int = 50) -> Slice[Attempt, int]:
    """The run's attempts, oldest first; the key is the claim's epoch. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    rows = sql.of_run(tx, run_id, after=after, n=limit + 1)
    return Slice(rows=rows[:limit], more=rows[limit - 1].epoch if len(rows) > limit else None)
