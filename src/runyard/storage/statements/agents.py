"""SQL of agents: what their jobs are listed by."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.agents import AgentRow, AgentState
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = AgentRow.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TEXTS = {"job_id", "template", "repository_id", "state"}
_TYPES = {name: "text" if name in _TEXTS else "bigint" for name in FIELDS}
_FIXED = {"job_id", "project_id", "created_at"}
_MOVING = tuple(name for name in FIELDS if name not in _FIXED)
ADD = Insert("agents", _TYPES)
SAVE = Update("agents", {name: _TYPES[name] for name in _MOVING}, {"job_id": "text"})
GET = f"SELECT {COLUMNS} FROM agents WHERE job_id {{among ids}}"
LOCK = f"{GET} ORDER BY job_id {{lock}}"
BURY = "UPDATE agents SET deleted_at = :now, updated_at = :now WHERE job_id = :job_id AND deleted_at IS NULL"
REPOSITORIES = (  # by the index repositories_project
    "SELECT full_name FROM repositories WHERE project_id = :project_id AND deleted_at IS NULL "
    "ORDER BY created_at, id LIMIT :n"
)
# Asked once as a server starts, of deleted ones too, which no index holds.
MADE = "SELECT 1 FROM agents WHERE project_id = :project_id AND template = :template LIMIT 1"


def from_row(row: Row) -> AgentRow:
    """A row in the order of `FIELDS` as a record."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["state"] = AgentState(fields["state"])
    return AgentRow(**fields)


def add(tx: Tx, row: AgentRow) -> None:
    """Add a row."""
    tx.insert(ADD, [_values(row, FIELDS)])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, AgentRow]:
    """The rows of these jobs, by job; jobs that are no agents are absent."""
    return {row.job_id: row for row in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, job_id: str) -> AgentRow | None:
    """The row of the job, locked until the commit."""
    rows = tx.rows(LOCK, ids=[job_id])
    return from_row(rows[0]) if rows else None


def bury(tx: Tx, job_id: str) -> None:
    """Delete the agent whose job is deleted, if it is one."""
    tx.run(BURY, job_id=job_id, now=tx.now)


def repositories(tx: Tx, project_id: int, n: int) -> list[str]:
    """The names of connected repositories, the first `n`."""
    return [str(row[0]) for row in tx.rows(REPOSITORIES, project_id=project_id, n=n)]


def was_made(tx: Tx, project_id: int, template: str) -> bool:
    """Whether the project ever had an agent of the template."""
    return tx.row(MADE, project_id=project_id, template=template) is not None


def save(tx: Tx, row: AgentRow) -> None:
    """Write a row that was locked."""
    tx.update(SAVE, [(*_values(row, _MOVING), row.job_id)])


def _values(row: AgentRow, names: Sequence[str]) -> tuple[object, ...]:
    values = (getattr(row, name) for name in names)
    return tuple(value.value if isinstance(value, AgentState) else value for value in values)
