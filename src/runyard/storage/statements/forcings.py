"""SQL of how often agents forced something on a task, by the minute."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.storage.port import Insert, Tx

COUNTS = (
    "SELECT task_id, count FROM forcings WHERE project_id = :project_id AND agent = :agent "
    "AND task_id {among task_ids} AND minute = :minute"
)
ADD = Insert(
    "forcings",
    {"project_id": "bigint", "agent": "text", "task_id": "text", "minute": "bigint", "count": "bigint"},
    "ON CONFLICT (project_id, agent, task_id, minute) DO UPDATE SET count = forcings.count + excluded.count",
)
FORGET = "DELETE FROM forcings WHERE minute < :minute"


def counts(tx: Tx, project_id: int, agent: str, task_ids: Sequence[str], minute: int) -> dict[str, int]:
    """How often the agent forced something in that minute, by task; 0 is absent."""
    if not task_ids:
        return {}
    rows = tx.rows(COUNTS, project_id=project_id, agent=agent, task_ids=list(task_ids), minute=minute)
    return {row[0]: row[1] for row in rows}


def add(tx: Tx, project_id: int, agent: str, task_ids: Sequence[str], minute: int) -> None:
    """Count one more on each of these tasks."""
    tx.insert(ADD, [(project_id, agent, task_id, minute, 1) for task_id in sorted(task_ids)])


def forget(tx: Tx, minute: int) -> None:
    """Delete what was counted before that minute. The table holds what is newer, so that reading it whole is cheap."""
    tx.run(FORGET, minute=minute)
