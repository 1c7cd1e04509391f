"""SQL of repositories."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.repositories import Repository
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = Repository.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "private", "created_at", "updated_at", "synced_at", "deleted_at"}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_FIXED = {"id", "project_id", "provider", "created_at"}
_MOVING = tuple(name for name in FIELDS if name not in _FIXED)
ADD = Insert("repositories", _TYPES, "ON CONFLICT DO NOTHING")
SAVE = Update("repositories", {name: _TYPES[name] for name in _MOVING}, {"id": "text"})
GET = f"SELECT {COLUMNS} FROM repositories WHERE id {{among ids}}"
LOCK = f"SELECT {COLUMNS} FROM repositories WHERE id = :id {{lock}}"
NAMED = (
    "SELECT id, full_name FROM repositories "
    "WHERE project_id = :project_id AND deleted_at IS NULL AND (id = :name OR full_name = :name) ORDER BY id LIMIT 1"
)
TAKEN = (  # by the index repositories_name
    "SELECT id FROM repositories WHERE project_id = :project_id AND provider = :provider AND deleted_at IS NULL "
    "AND id <> :own AND (full_name = :full_name OR LOWER(full_name) = :lowered) LIMIT 1"
)
SEALED = (
    "SELECT r.secret FROM repositories r JOIN projects p ON p.id = r.project_id "
    "WHERE r.id = :id AND r.deleted_at IS NULL AND p.deleted_at IS NULL"
)
# The index repositories_project holds the connected ones alone, of which a project has a bounded number.
_MATCHING = (
    "FROM repositories WHERE project_id = :project_id AND deleted_at IS NULL "
    "AND (:provider = '' OR provider = :provider) "
    r"AND (:pattern = '' OR LOWER(full_name) LIKE :pattern ESCAPE '\') "
)
COUNT = f"SELECT COUNT(*) {_MATCHING}"
PAGE = (
    f"SELECT {COLUMNS} {_MATCHING} AND (created_at, id) < (:at, :id) "
    "ORDER BY created_at DESC, id DESC LIMIT :n OFFSET :offset"
)


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """Which repositories are meant; '' is any. `pattern` is one of LIKE, in lower case."""

    provider: str = ""
    pattern: str = ""


def from_row(row: Row) -> Repository:
    """A row in the order of `FIELDS` as a record."""
    return Repository(**dict(zip(FIELDS, row, strict=True)))


def add(tx: Tx, one: Repository) -> bool:
    """Add a repository; False when one of its provider and name is connected already."""
    return tx.insert_counted(ADD, [tuple(getattr(one, name) for name in FIELDS)]) == 1


def save(tx: Tx, one: Repository) -> None:
    """Write a repository that was locked."""
    tx.update(SAVE, [(*(getattr(one, name) for name in _MOVING), one.id)])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Repository]:
    """The repositories by id, disconnected ones too; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, repository_id: str) -> Repository | None:
    """The repository, a disconnected one too, locked until the commit."""
    row = tx.row(LOCK, id=repository_id)
    return None if row is None else from_row(row)


def is_taken(tx: Tx, one: Repository, full_name: str, *, lowered: str = "") -> bool:
    """Whether another of its project and provider has the name, or what becomes `lowered` in lower case."""
    found = tx.row(
        TAKEN, project_id=one.project_id, provider=one.provider, own=one.id, full_name=full_name, lowered=lowered
    )
    return found is not None


def sealed(tx: Tx, repository_id: str) -> str | None:
    """The secret of a connected repository of a project that is there."""
    row = tx.row(SEALED, id=repository_id)
    return None if row is None else row[0]


def by_names(tx: Tx, names: Sequence[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """The ids of connected repositories by project and id or full name; those that are not connected are absent."""
    found = {}
    for project_id, name in names:
        row = tx.row(NAMED, project_id=project_id, name=name)
        if row is not None:
            found[project_id, name] = str(row[0])
    return found


def count(tx: Tx, project_id: int, wanted: Matching) -> int:
    """How many of the project's match."""
    row = tx.row(COUNT, project_id=project_id, provider=wanted.provider, pattern=wanted.pattern)
    return int(row[0]) if row else 0


def page(
    tx: Tx, project_id: int, wanted: Matching, *, before: tuple[int, str], offset: int, n: int
) -> list[Repository]:
    """Those of the project's that match and were connected before a time and id, newest first."""
    at, repository_id = before
    rows = tx.rows(
        PAGE,
        project_id=project_id,
        provider=wanted.provider,
        pattern=wanted.pattern,
        at=at,
        id=repository_id,
        offset=offset,
        n=n,
    )
    return [from_row(row) for row in rows]
