"""SQL of sessions that could work: which are there, and which of them have nothing to do (index `sessions_live`)."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.sessions import Session
from runyard.storage.port import Tx
from runyard.storage.statements.sessions import COLUMNS

_THERE = "project_id = :project_id AND stopped_at IS NULL AND state = 'active' AND failure IS NULL"
_HERE = f"{_THERE} AND workspace_id = :workspace_id"
ACTIVE = f"SELECT COUNT(*) FROM (SELECT 1 FROM sessions WHERE {_THERE} LIMIT :most) AS found"
ACTIVE_IN = f"SELECT COUNT(*) FROM (SELECT 1 FROM sessions WHERE {_HERE} LIMIT :most) AS found"
_IDLE = (
    f"SELECT {COLUMNS} FROM sessions s WHERE {_THERE} AND {{place}} AND NOT EXISTS "
    "(SELECT 1 FROM task_runs r WHERE r.session_id = s.id AND r.held = 1) ORDER BY id LIMIT :n"
)
IDLE_IN = _IDLE.replace("{place}", "workspace_id = :workspace_id")
IDLE_NOWHERE = _IDLE.replace("{place}", "workspace_id IS NULL")


def count_active(tx: Tx, project_id: int, workspace_id: str | None, most: int) -> int:
    """How many active sessions the workspace has (or, without one, the project), counted up to `most`."""
    if workspace_id is None:
        row = tx.row(ACTIVE, project_id=project_id, most=most)
    else:
        row = tx.row(ACTIVE_IN, project_id=project_id, workspace_id=workspace_id, most=most)
    return int(row[0]) if row else 0


def idle(tx: Tx, project_id: int, workspace_id: str | None, n: int) -> Sequence[Session]:
    """Active sessions of the workspace (or of none) that have no run, the oldest `n`."""
    if workspace_id is None:
        return tx.records(Session, IDLE_NOWHERE, project_id=project_id, n=n)
    return tx.records(Session, IDLE_IN, project_id=project_id, workspace_id=workspace_id, n=n)
