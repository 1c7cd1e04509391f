"""SQL of workspaces."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.workspaces import Workspace
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = Workspace.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TYPES = {name: "bigint" if name in {"project_id", "created_at", "updated_at"} else "text" for name in FIELDS}
_MOVING = ("name", "settings", "updated_at")
ADD = Insert("workspaces", _TYPES, "ON CONFLICT DO NOTHING")
SAVE = Update("workspaces", {name: _TYPES[name] for name in _MOVING}, {"id": "text"})
GET = f"SELECT {COLUMNS} FROM workspaces WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"
# By the unique indexes of names and of root directories.
NAMED = f"SELECT {COLUMNS} FROM workspaces WHERE project_id = :project_id AND name = :name"
ROOTED = f"SELECT {COLUMNS} FROM workspaces WHERE project_id = :project_id AND root_dir = :root_dir"
PAGE = (  # by workspaces_project
    f"SELECT {COLUMNS} FROM workspaces WHERE project_id = :project_id AND id < :before ORDER BY id DESC LIMIT :n"
)
USED = (  # by tasks_workspace and sessions_live
    "SELECT EXISTS (SELECT 1 FROM tasks WHERE project_id = :project_id AND workspace_id = :id), "
    "EXISTS (SELECT 1 FROM sessions WHERE project_id = :project_id AND workspace_id = :id AND stopped_at IS NULL)"
)
DELETE = (
    "DELETE FROM personas WHERE project_id = :project_id AND workspace_id = :id",
    "DELETE FROM workspaces WHERE project_id = :project_id AND id = :id",
)


def from_row(row: Row) -> Workspace:
    """A row in the order of `FIELDS` as a record."""
    return Workspace(**dict(zip(FIELDS, row, strict=True)))


def add(tx: Tx, one: Workspace) -> bool:
    """Add a workspace; False when its name or its root directory is another's."""
    return tx.insert_counted(ADD, [astuple(one)]) == 1


def save(tx: Tx, one: Workspace) -> None:
    """Write a workspace that was locked."""
    tx.update(SAVE, [(*(getattr(one, name) for name in _MOVING), one.id)])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Workspace]:
    """The workspaces by id; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, workspace_id: str) -> Workspace | None:
    """The workspace, locked."""
    row = tx.row(LOCK, ids=[workspace_id])
    return None if row is None else from_row(row)


def named(tx: Tx, project_id: int, name: str) -> Workspace | None:
    """The project's workspace of that name."""
    row = tx.row(NAMED, project_id=project_id, name=name)
    return None if row is None else from_row(row)


def rooted(tx: Tx, project_id: int, root_dir: str) -> Workspace | None:
    """The project's workspace of that root directory."""
    row = tx.row(ROOTED, project_id=project_id, root_dir=root_dir)
    return None if row is None else from_row(row)


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Workspace]:
    """The project's workspaces below an id, newest first."""
    return [from_row(row) for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)]


def used(tx: Tx, project_id: int, workspace_id: str) -> tuple[bool, bool]:
    """Whether it has tasks, and whether it has sessions that have not stopped."""
    row = tx.row(USED, project_id=project_id, id=workspace_id) or (False, False)
    return bool(row[0]), bool(row[1])


def delete(tx: Tx, project_id: int, workspace_id: str) -> None:
    """Delete the workspace and the agents that are known in it alone."""
    for statement in DELETE:
        tx.run(statement, project_id=project_id, id=workspace_id)
