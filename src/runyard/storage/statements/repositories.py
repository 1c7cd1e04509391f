"""SQL of repositories."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.repositories import Repository
from runyard.storage.port import Row, Tx

FIELDS: tuple[str, ...] = Repository.__struct_fields__
COLUMNS = ", ".join(FIELDS)
GET = f"SELECT {COLUMNS} FROM repositories WHERE id {{among ids}}"
NAMED = (
    "SELECT id, full_name FROM repositories "
    "WHERE project_id = :project_id AND deleted_at IS NULL AND (id = :name OR full_name = :name) ORDER BY id LIMIT 1"
)


def from_row(row: Row) -> Repository:
    """A row in the order of `FIELDS` as a record."""
    return Repository(**dict(zip(FIELDS, row, strict=True)))


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Repository]:
    """The repositories by id, disconnected ones too; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def by_names(tx: Tx, names: Sequence[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """The ids of connected repositories by project and id or full name; those that are not connected are absent."""
    found = {}
    for project_id, name in names:
        row = tx.row(NAMED, project_id=project_id, name=name)
        if row is not None:
            found[project_id, name] = str(row[0])
    return found
