"""SQL of manifests: what the artifacts of coding runs are called there."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.coding import Entry
from runyard.storage.port import Insert, Row, Tx

ADD = Insert(
    "manifests",
    {
        "artifact_id": "text",
        "project_id": "bigint",
        "run_id": "text",
        "number": "bigint",
        "kind": "text",
        "source": "text",
        "content_type": "text",
        "path": "text",
        "metadata": "text",
    },
)
_OF = (
    "SELECT m.run_id, m.artifact_id, a.name, m.kind, m.source, m.content_type, a.size, a.sha256, m.path, m.metadata, "
    "a.at FROM manifests m JOIN artifacts a ON a.id = m.artifact_id"
)
# By manifests_run.
OF_RUNS = f"{_OF} WHERE m.run_id {{among ids}} ORDER BY m.run_id, m.number"
# By the unique index of run and path.
AT_PATH = f"{_OF} WHERE m.run_id = :run_id AND m.path = :path"
# By its primary key.
ONE = f"{_OF} WHERE m.artifact_id = :id AND m.project_id = :project_id"
# By manifests_run.
LAST = "SELECT number FROM manifests WHERE run_id = :run_id ORDER BY number DESC LIMIT 1"
FIELDS = Entry.__struct_fields__


def add(tx: Tx, project_id: int, run_id: str, entries: Sequence[Entry]) -> None:
    """Add entries behind those the run has; its row is locked."""
    row = tx.row(LAST, run_id=run_id)
    last = int(row[0]) if row is not None else 0
    tx.insert(
        ADD,
        [
            (
                one.artifact_id,
                project_id,
                run_id,
                number,
                one.kind,
                one.source,
                one.content_type,
                one.path,
                one.metadata,
            )
            for number, one in enumerate(entries, last + 1)
        ],
    )


def of_runs(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
    """The manifests of these runs, oldest entry first, by run; runs without are absent."""
    found: dict[str, list[Entry]] = {}
    for row in tx.rows(OF_RUNS, ids=list(ids)) if ids else ():
        found.setdefault(row[0], []).append(_entry(row[1:]))
    return {run_id: tuple(entries) for run_id, entries in found.items()}


def at_path(tx: Tx, run_id: str, path: str) -> Entry | None:
    """The entry of the run's manifest that has this path."""
    row = tx.row(AT_PATH, run_id=run_id, path=path)
    return _entry(row[1:]) if row is not None else None


def one(tx: Tx, project_id: int, artifact_id: str) -> Entry | None:
    """One entry of the project's manifests."""
    row = tx.row(ONE, id=artifact_id, project_id=project_id)
    return _entry(row[1:]) if row is not None else None


def _entry(row: Row) -> Entry:
    return Entry(**dict(zip(FIELDS, row, strict=True)))
