"""Resource samples: what the processes of a run used, moment by moment."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.traces import Sample
from runyard.storage.port import Tx, many
from runyard.storage.statements import resources as sql

MOST = 1000


class NewSample(msgspec.Struct, frozen=True, kw_only=True):
    """What to keep of one look at a run's processes."""

    run_id: str
    cpu_percent: float
    """100 is one processor."""
    memory_mb: float
    memory_limit_mb: float


@many
def add(tx: Tx, samples: Sequence[NewSample]) -> list[None]:
    """Keep samples."""
    kept = [Sample(id=tx.new_id(), at=tx.now, **msgspec.structs.asdict(sample)) for sample in samples]
    sql.add(tx, kept)
    return [None] * len(samples)


def of_run(tx: Tx, run_id: str, limit: int = MOST) -> list[Sample]:
    """The run's last samples, newest first."""
    return sql.newest(tx, run_id, min(limit, MOST))
