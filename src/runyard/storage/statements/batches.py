"""SQL of batch records: what calls that triggered many runs asked for and got."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Insert, Row, Tx


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A call that triggered many runs of one job."""

    id: str
    project_id: int
    job_id: str
    item_count: int
    created_count: int
    created_by: str | None
    created_at: int
    finished_at: int | None


FIELDS = Batch.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TEXTS = {"id", "job_id", "created_by"}
ADD = Insert("batches", {name: "text" if name in _TEXTS else "bigint" for name in FIELDS})
FIND = f"SELECT {COLUMNS} FROM batches WHERE id = :id AND project_id = :project_id"
PAGE = f"SELECT {COLUMNS} FROM batches WHERE project_id = :project_id AND id < :before ORDER BY id DESC LIMIT :n"
PRUNE = "DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE id < :before ORDER BY id LIMIT :n)"


def add(tx: Tx, batches: Sequence[Batch]) -> None:
    """Keep records."""
    tx.insert(ADD, [tuple(getattr(batch, name) for name in FIELDS) for batch in batches])


def find(tx: Tx, project_id: int, batch_id: str) -> Batch | None:
    """The record."""
    row = tx.row(FIND, project_id=project_id, id=batch_id)
    return _from_row(row) if row is not None else None


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Batch]:
    """The project's records below an id, newest first."""
    return [_from_row(row) for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)]


def prune(tx: Tx, before: str, n: int) -> int:
    """Drop records below an id, oldest first; how many went."""
    return tx.run(PRUNE, before=before, n=n)


def _from_row(row: Row) -> Batch:
    return Batch(**dict(zip(FIELDS, row, strict=True)))
