"""SQL of what tasks are called, kept beside them (table `task_texts`): looking for a part of it reads nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.tasks import Task, folded
from runyard.storage.port import Insert, Tx

LONGEST = 200
"""So many characters of what is looked for are compared here; there is no end to what somebody may ask for."""
SAVE = Insert(
    "task_texts",
    {"project_id": "bigint", "task_id": "text", "text": "text"},
    "ON CONFLICT (project_id, task_id) DO UPDATE SET text = excluded.text",
)
MAYBE = (
    "SELECT task_id FROM task_texts WHERE project_id = :project_id "
    "AND (text IS NULL OR text LIKE :part ESCAPE '\\') LIMIT :n"
)


def save(tx: Tx, tasks: Sequence[Task]) -> None:
    """Keep what these tasks are called now."""
    tx.insert(SAVE, [(task.project_id, task.id, folded(task.title, task.identifier)) for task in tasks])


def maybe(tx: Tx, project_id: int, part: str, n: int) -> list[str]:
    """At most `n` of the tasks that may be called so, in any case: all that are, and some others."""
    text = part.casefold()[:LONGEST]
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return [row[0] for row in tx.rows(MAYBE, project_id=project_id, part=f"%{text}%", n=n)]
