"""SQL of the timelines of tasks. They are written with the journal (`storage.journal`)."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.tasks import TaskEvent
from runyard.storage.port import Row, Tx

FIELDS: tuple[str, ...] = TaskEvent.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_OURS = ", ".join(f"e.{name}" for name in FIELDS)
OF_TASK = f"SELECT {COLUMNS} FROM task_events WHERE task_id = :task_id AND seq > :after ORDER BY seq LIMIT :n"
NEWEST_OF_TASK = (
    f"SELECT {COLUMNS} FROM task_events WHERE task_id = :task_id AND seq < :before ORDER BY seq DESC LIMIT :n"
)
OF_TREE = f"SELECT {COLUMNS} FROM task_events WHERE root_id = :root_id AND seq > :after ORDER BY seq LIMIT :n"
OF_BRANCH = (
    f"SELECT {_OURS} FROM task_events e JOIN tasks t ON t.id = e.task_id WHERE e.root_id = :root_id "
    "AND e.seq > :after AND (t.path = :path OR (t.path > :low AND t.path < :high)) ORDER BY e.seq LIMIT :n"
)
OF_RUN = f"SELECT {COLUMNS} FROM task_events WHERE task_id = :task_id AND run_id = :run_id ORDER BY seq DESC LIMIT :n"
LATEST = "SELECT t.value, (SELECT MAX(e.seq) FROM task_events e WHERE e.task_id = t.value) FROM {each ids} AS t"


def from_row(row: Row) -> TaskEvent:
    """A row in the order of `FIELDS` as a record."""
    return TaskEvent(**dict(zip(FIELDS, row, strict=True)))


def of_task(tx: Tx, task_id: str, *, after: int, n: int) -> list[TaskEvent]:
    """The task's first `n` lines after a number, oldest first."""
    return [from_row(row) for row in tx.rows(OF_TASK, task_id=task_id, after=after, n=n)]


def newest_of_task(tx: Tx, task_id: str, *, before: int, n: int) -> list[TaskEvent]:
    """The task's last `n` lines before a number, newest first."""
    return [from_row(row) for row in tx.rows(NEWEST_OF_TASK, task_id=task_id, before=before, n=n)]


def of_branch(tx: Tx, root_id: str, path: str, *, after: int, n: int) -> list[TaskEvent]:
    """The first `n` lines after a number of the task with that path and of all below it, oldest first."""
    if path == f"/{root_id}":
        rows = tx.rows(OF_TREE, root_id=root_id, after=after, n=n)
    else:
        said = {"path": path, "low": f"{path}/", "high": f"{path}0"}
        rows = tx.rows(OF_BRANCH, root_id=root_id, after=after, n=n, **said)
    return [from_row(row) for row in rows]


def newest_of_run(tx: Tx, task_id: str, run_id: str, n: int) -> list[TaskEvent]:
    """The newest `n` lines about one of the task's runs, newest first."""
    return [from_row(row) for row in tx.rows(OF_RUN, task_id=task_id, run_id=run_id, n=n)]


def latest(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """The number of each task's newest line; 0 where there is none."""
    return {row[0]: row[1] or 0 for row in tx.rows(LATEST, ids=list(ids))} if ids else {}
