"""Finding tasks by a part of what they are called."""

from __future__ import annotations

from runyard.domain.tasks import Task, is_called
from runyard.storage.port import Tx
from runyard.storage.statements import task_texts as sql
from runyard.storage.statements import tasks as tasks_sql

MOST = 1000
"""What more tasks may be called is found sooner by whoever goes through them in order and stops."""


def called(tx: Tx, project_id: int, part: str) -> list[Task] | None:
    """The project's tasks with that part in their title or identifier, in any case; None where they may be too many."""
    if "\0" in part:  # which no text may hold
        return []
    ids = sql.maybe(tx, project_id, part, MOST + 1)
    if len(ids) > MOST:
        return None
    return [task for task in tasks_sql.get(tx, ids).values() if is_called(part, task.title, task.identifier)]
