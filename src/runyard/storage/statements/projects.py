"""SQL of projects."""

from __future__ import annotations

from runyard.domain.records import Project
from runyard.storage.port import Row, Tx

FIELDS = Project.__struct_fields__
COLUMNS = ", ".join(FIELDS)
ADD = (
    "INSERT INTO projects (slug, name, created_at) VALUES (:slug, :name, :now) "
    f"ON CONFLICT (slug) DO NOTHING RETURNING {COLUMNS}"
)
ADD_NUMBERED = (
    "INSERT INTO projects (id, slug, name, created_at) VALUES (:id, :slug, :name, :now) ON CONFLICT DO NOTHING"
)
BY_ID = f"SELECT {COLUMNS} FROM projects WHERE id = :id"
BY_SLUG = f"SELECT {COLUMNS} FROM projects WHERE slug = :slug"
PAGE = f"SELECT {COLUMNS} FROM projects WHERE id < :before ORDER BY id DESC LIMIT :n"


def add(tx: Tx, slug: str, name: str) -> Project | None:
    """The new project with the next number; None when another writer took the slug."""
    return _record(tx.row(ADD, slug=slug, name=name, now=tx.now))


def add_numbered(tx: Tx, number: int, slug: str, name: str) -> None:
    """Make the project unless it is there."""
    tx.run(ADD_NUMBERED, id=number, slug=slug, name=name, now=tx.now)


def by_number(tx: Tx, number: int) -> Project | None:
    """The project of that number."""
    return _record(tx.row(BY_ID, id=number))


def by_slug(tx: Tx, slug: str) -> Project | None:
    """The project of that slug."""
    return _record(tx.row(BY_SLUG, slug=slug))


def page(tx: Tx, *, before: int, n: int) -> list[Project]:
    """Projects below a number, newest first."""
    return [_from_row(row) for row in tx.rows(PAGE, before=before, n=n)]


def _from_row(row: Row) -> Project:
    return Project(**dict(zip(FIELDS, row, strict=True)))


def _record(row: Row | None) -> Project | None:
    return _from_row(row) if row is not None else None
