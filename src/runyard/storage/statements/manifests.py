"""SQL of manifests: what the artifacts of coding runs are called there."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.coding import Entry
from runyard.storage.port import Row, Tx

_OF = (
    "SELECT m.run_id, m.artifact_id, a.name, m.kind, m.source, m.content_type, a.size, a.sha256, m.path, m.metadata, "
    "a.at FROM manifests m JOIN artifacts a ON a.id = m.artifact_id"
)
# By manifests_run.
OF_RUNS = f"{_OF} WHERE m.run_id {{among ids}} ORDER BY m.run_id, m.number"
FIELDS = Entry.__struct_fields__


def of_runs(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
    """The manifests of these runs, oldest entry first, by run; runs without are absent."""
    found: dict[str, list[Entry]] = {}
    for row in tx.rows(OF_RUNS, ids=list(ids)) if ids else ():
        found.setdefault(row[0], []).append(_entry(row[1:]))
    return {run_id: tuple(entries) for run_id, entries in found.items()}


def _entry(row: Row) -> Entry:
    return Entry(**dict(zip(FIELDS, row, strict=True)))
