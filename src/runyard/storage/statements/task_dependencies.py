"""SQL of what tasks wait for."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.storage.port import Insert, Tx

ADD = Insert(
    "task_dependencies", {"task_id": "text", "depends_on_id": "text", "project_id": "bigint", "created_at": "bigint"}
)
OF_TASK = "SELECT depends_on_id FROM task_dependencies WHERE task_id = :task_id ORDER BY depends_on_id"
REMOVE = "DELETE FROM task_dependencies WHERE task_id = :task_id AND depends_on_id = :depends_on_id"
# Rows come one by one as they are found, so that the limit ends the walk.
REACHES = (
    "WITH RECURSIVE up(id) AS (SELECT depends_on_id FROM task_dependencies WHERE task_id = :start "
    "UNION SELECT d.depends_on_id FROM up JOIN task_dependencies d ON d.task_id = up.id) "
    "SELECT COUNT(*), MAX(CASE WHEN id = :goal THEN 1 ELSE 0 END) FROM (SELECT id FROM up LIMIT :n) AS reached"
)


def add(tx: Tx, project_id: int, edges: Sequence[tuple[str, str]]) -> None:
    """Add edges (task, what it waits for)."""
    tx.insert(ADD, [(task_id, other_id, project_id, tx.now) for task_id, other_id in sorted(edges)])


def of_task(tx: Tx, task_id: str) -> list[str]:
    """What the task waits for itself."""
    return [row[0] for row in tx.rows(OF_TASK, task_id=task_id)]


def remove(tx: Tx, task_id: str, depends_on_id: str) -> bool:
    """Remove an edge; whether there was one."""
    return tx.run(REMOVE, task_id=task_id, depends_on_id=depends_on_id) > 0


def reaches(tx: Tx, start: str, goal: str, n: int) -> tuple[int, bool]:
    """How many tasks the one waits for, over any number of steps (up to `n`), and whether the other is among them."""
    row = tx.row(REACHES, start=start, goal=goal, n=n)
    return (row[0], bool(row[1])) if row is not None else (0, False)
