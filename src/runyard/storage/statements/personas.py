"""SQL of agents by name."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.personas import Persona
from runyard.storage.port import Insert, Row, Tx

FIELDS: tuple[str, ...] = Persona.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TYPES = {name: "bigint" if name in {"project_id", "created_at", "updated_at"} else "text" for name in FIELDS}
ADD = Insert("personas", _TYPES, "ON CONFLICT DO NOTHING")
PUT = Insert(
    "personas",
    _TYPES,
    "ON CONFLICT (project_id, workspace_id, name) DO UPDATE "
    "SET definition = excluded.definition, updated_at = excluded.updated_at",
)
# All by the primary key.
GET = (
    f"SELECT {COLUMNS} FROM personas WHERE project_id = :project_id AND workspace_id {{among workspaces}} "
    "AND name = :name ORDER BY workspace_id DESC LIMIT 1"
)
PAGE = (
    f"SELECT {COLUMNS} FROM personas WHERE project_id = :project_id AND workspace_id = :workspace_id AND name > :after "
    "ORDER BY name LIMIT :n"
)
DELETE = "DELETE FROM personas WHERE project_id = :project_id AND workspace_id = :workspace_id AND name = :name"


def from_row(row: Row) -> Persona:
    """A row in the order of `FIELDS` as a record."""
    return Persona(**dict(zip(FIELDS, row, strict=True)))


def add(tx: Tx, one: Persona) -> bool:
    """Add an agent; False when there is one of its name."""
    return tx.insert_counted(ADD, [astuple(one)]) == 1


def put(tx: Tx, one: Persona) -> None:
    """Add an agent, or define it anew."""
    tx.insert(PUT, [astuple(one)])


def get(tx: Tx, project_id: int, workspaces: Sequence[str], name: str) -> Persona | None:
    """The agent of that name in one of the workspaces ('' is known in all), one of a workspace's own first."""
    row = tx.row(GET, project_id=project_id, workspaces=list(workspaces), name=name)
    return None if row is None else from_row(row)


def page(tx: Tx, project_id: int, workspace_id: str, *, after: str, n: int) -> list[Persona]:
    """The agents of a workspace ('' is known in all) behind a name, by name."""
    rows = tx.rows(PAGE, project_id=project_id, workspace_id=workspace_id, after=after, n=n)
    return [from_row(row) for row in rows]


def delete(tx: Tx, project_id: int, workspace_id: str, name: str) -> int:
    """Delete the agent; how many there were."""
    return tx.run(DELETE, project_id=project_id, workspace_id=workspace_id, name=name)
