"""SQL of projects."""

from __future__ import annotations

from runyard.domain.records import Project
from runyard.storage.port import Row, Tx

FIELDS = Project.__struct_fields__
COLUMNS = ", ".join(FIELDS)
ADD = (
    "INSERT INTO projects (slug, name, created_at, settings) VALUES (:slug, :name, :now, :settings) "
    f"ON CONFLICT (slug) DO NOTHING RETURNING {COLUMNS}"
)
ADD_NUMBERED = (
    "INSERT INTO projects (id, slug, name, created_at) VALUES (:id, :slug, :name, :now) ON CONFLICT DO NOTHING"
)
BY_ID = f"SELECT {COLUMNS} FROM projects WHERE id = :id AND deleted_at IS NULL"
LOCK = f"{BY_ID} {{lock}}"
BY_SLUG = f"SELECT {COLUMNS} FROM projects WHERE slug = :slug AND deleted_at IS NULL"
PAGE = f"SELECT {COLUMNS} FROM projects WHERE id < :before AND deleted_at IS NULL ORDER BY id DESC LIMIT :n"
NUMBERS = "SELECT id FROM projects WHERE id < :before ORDER BY id DESC LIMIT :n"
SAVE = "UPDATE projects SET name = :name, settings = :settings WHERE id = :id"
# The slug is free again at once; no project can be given one with this character.
BURY = "UPDATE projects SET slug = slug || '~' || id, deleted_at = :now WHERE id = :id"
DISABLE_JOBS = "UPDATE jobs SET enabled = 0 WHERE project_id = :id"
DROP_SCHEDULES = "DELETE FROM schedules WHERE project_id = :id"


def add(tx: Tx, slug: str, name: str, settings: str) -> Project | None:
    """The new project with the next number; None when another writer took the slug."""
    return _record(tx.row(ADD, slug=slug, name=name, settings=settings, now=tx.now))


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


def lock(tx: Tx, number: int) -> Project | None:
    """The project of that number, locked."""
    return _record(tx.row(LOCK, id=number))


def save(tx: Tx, project: Project) -> None:
    """Write what may change of a project."""
    tx.run(SAVE, id=project.id, name=project.name, settings=project.settings)


def numbers(tx: Tx, *, before: int, n: int) -> list[int]:
    """The numbers of projects below one, largest first, those of deleted projects too."""
    return [row[0] for row in tx.rows(NUMBERS, before=before, n=n)]


def bury(tx: Tx, number: int) -> None:
    """Mark the project as deleted and let none of its jobs begin anything."""
    tx.run(BURY, id=number, now=tx.now)
    tx.run(DISABLE_JOBS, id=number)
    tx.run(DROP_SCHEDULES, id=number)


def _from_row(row: Row) -> Project:
    return Project(**dict(zip(FIELDS, row, strict=True)))


def _record(row: Row | None) -> Project | None:
    return _from_row(row) if row is not None else None
