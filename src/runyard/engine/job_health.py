"""How a job fares: outcomes and durations of its runs that ended within a window.

The last `EXAMINED` runs are looked at, found by one index in the order of their ends; figures of a busier window are
those of its latest part.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from runyard.domain.states import RunState
from runyard.engine import jobs
from runyard.engine.upgrades import percentile
from runyard.storage.port import Tx
from runyard.storage.statements import job_health as sql

EXAMINED = 10_000


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes by state, and durations in microseconds (None: no run completed)."""

    job_id: str
    since: int
    ended: dict[str, int]
    average: float | None
    p95: int | None
    p99: int | None

    @property
    def total(self) -> int:
        """How many runs ended."""
        return sum(self.ended.values())

    @property
    def success_rate(self) -> float:
        """The part of the runs that completed, of those that nobody canceled; 1 while none has ended."""
        judged = self.total - self.ended.get(RunState.CANCELED, 0)
        return self.ended.get(RunState.COMPLETED, 0) / judged if judged else 1.0


def health(tx: Tx, project_id: int, wanted: str, *, window: int) -> Health:
    """How the job fared in the last so many microseconds. Raises `NotFound`."""
    job = jobs.get(tx, project_id, wanted)
    since = tx.now - window
    found = sql.ended(tx, job.id, since, EXAMINED)
    spans = sorted(
        finished - started for state, started, finished in found if state == RunState.COMPLETED and started is not None
    )
    return Health(
        job_id=job.id,
        since=since,
        ended=dict(Counter(state for state, _, _ in found)),
        average=sum(spans) / len(spans) if spans else None,
        p95=percentile(spans, 95),
        p99=percentile(spans, 99),
    )
