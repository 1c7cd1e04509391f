"""SQL of the timelines of tasks. They are written with the journal (`storage.journal`)."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.tasks import TaskEvent
from runyard.storage.port import Row, Tx

FIELDS: tuple[str, ...] = TaskEvent.__struct_fields__
COLUMNS = ", ".join(FIELDS)
OF_TASK = f"SELECT {COLUMNS} FROM task_events WHERE task_id = :task_id AND seq > :after ORDER BY seq LIMIT :n"
LATEST = "SELECT t.value, (SELECT MAX(e.seq) FROM task_events e WHERE e.task_id = t.value) FROM {each ids} AS t"


def from_row(row: Row) -> TaskEvent:
    """A row in the order of `FIELDS` as a record."""
    return TaskEvent(**dict(zip(FIELDS, row, strict=True)))


def of_task(tx: Tx, task_id: str, *, after: int, n: int) -> list[TaskEvent]:
    """The task's first `n` lines after a number, oldest first."""
    return [from_row(row) for row in tx.rows(OF_TASK, task_id=task_id, after=after, n=n)]


def latest(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """The number of each task's newest line; 0 where there is none."""
    return {row[0]: row[1] or 0 for row in tx.rows(LATEST, ids=list(ids))} if ids else {}
