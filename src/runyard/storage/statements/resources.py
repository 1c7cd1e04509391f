"""SQL of resource samples."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.traces import Sample
from runyard.storage.port import Insert, Tx

FIELDS = Sample.__struct_fields__
COLUMNS = ", ".join(FIELDS)
ADD = Insert(
    "resource_samples",
    {
        "id": "text",
        "run_id": "text",
        "at": "bigint",
        "cpu_percent": "double precision",
        "memory_mb": "double precision",
        "memory_limit_mb": "double precision",
    },
)
NEWEST = f"SELECT {COLUMNS} FROM resource_samples WHERE run_id = :run_id ORDER BY id DESC LIMIT :n"


def add(tx: Tx, samples: Sequence[Sample]) -> None:
    """Add samples."""
    tx.insert(ADD, [msgspec.structs.astuple(sample) for sample in samples])


def newest(tx: Tx, run_id: str, n: int) -> list[Sample]:
    """The run's last samples, newest first."""
    return [_from_row(row) for row in tx.rows(NEWEST, run_id=run_id, n=n)]


def _from_row(row: tuple[object, ...]) -> Sample:
    return Sample(**dict(zip(FIELDS, row, strict=True)))  # type: ignore[arg-type]
