"""SQL of tasks, of what they depend on, and of how many there are of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import astuple

from runyard.domain.task_sums import RUN_SUMS, TASK_SUMS
from runyard.domain.tasks import Task
from runyard.storage.port import Insert, Tx
from runyard.storage.saving import Saver
from runyard.storage.statements import task_texts

FIELDS: tuple[str, ...] = Task.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {
    "project_id",
    "priority",
    "max_attempts",
    "auto_enqueue",
    "auto_pending",
    "paused_at",
    "attempts",
    "dependencies",
    "unmet",
    "children",
    "created_at",
    "updated_at",
    "closed_at",
    "active_at",
    "triaged",
    "counted",
    "subscriptions",
}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_FIXED = {
    "id",
    "project_id",
    "root_id",
    "parent_id",
    "path",
    "workspace_id",
    "creator_kind",
    "creator_ref",
    "origin_kind",
    "origin_ref",
    "created_at",
}
_SAVER = Saver("tasks", _TYPES, key="id", fixed=_FIXED)

ADD = Insert("tasks", _TYPES)
GET = f"SELECT {COLUMNS} FROM tasks WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"
BELOW = f"SELECT {COLUMNS} FROM tasks WHERE path > :low AND path < :high ORDER BY path LIMIT :n"
CHILDREN = f"SELECT {COLUMNS} FROM tasks WHERE parent_id = :id ORDER BY active_at DESC, id DESC LIMIT :n"
PAUSED = "SELECT id FROM tasks WHERE id {among ids} AND paused_at IS NOT NULL"
KEEP_PAUSED = "SELECT id, paused_at FROM tasks WHERE id {among ids} ORDER BY id {keep}"
# A task that is worked on may have queued runs beside.
WAITING_BELOW = (
    "SELECT t.id FROM tasks t WHERE t.path > :low AND t.path < :high AND (t.open_stage = 'queued' "
    "OR (t.open_stage IS NOT NULL AND EXISTS (SELECT 1 FROM task_runs r WHERE r.task_id = t.id "
    "AND r.stage = 'queued'))) ORDER BY t.path"
)
OPEN_BELOW = (
    "SELECT id, path, open_stage FROM tasks WHERE path > :low AND path < :high "
    "AND (open_run_id IS NOT NULL OR status NOT IN ('completed', 'failed', 'canceled')) ORDER BY path"
)
OWED_BELOW = "SELECT id FROM tasks WHERE path > :low AND path < :high AND auto_pending = 1 ORDER BY path"
DEPENDENTS = (
    "SELECT d.task_id, d.depends_on_id FROM task_dependencies d WHERE d.depends_on_id {among ids} "
    "ORDER BY d.depends_on_id, d.task_id"
)
_KEY = {
    "project_id": "bigint",
    "workspace_id": "text",
    "owner_kind": "text",
    "owner_ref": "text",
    "channel": "text",
    "origin_kind": "text",
}


def summing(table: str, key: dict[str, str], sums: Sequence[str], *implied: str) -> Insert:
    """Adds to rows of sums with that key; numbers that the key implies are given behind it."""
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in sums)
    return Insert(
        table,
        {**key, **dict.fromkeys((*implied, *sums), "bigint")},
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {added}",
    )


SUMS = summing("task_sums", _KEY, TASK_SUMS, "counted")
OF_RUNS = summing("task_run_sums", {**_KEY, "run_channel": "text", "run_origin_kind": "text"}, RUN_SUMS)


def add(tx: Tx, tasks: Sequence[Task]) -> None:
    """Add new tasks."""
    tx.insert(ADD, [astuple(task) for task in tasks])
    task_texts.save(tx, tasks)


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Task]:
    """The tasks by id; unknown ids are absent."""
    return {task.id: task for task in tx.records(Task, GET, ids=list(ids))} if ids else {}


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, Task]:
    """The tasks by id, locked in id order; unknown ids are absent."""
    return {task.id: task for task in tx.records(Task, LOCK, ids=sorted(set(ids)))} if ids else {}


def below(tx: Tx, path: str, n: int) -> list[Task]:
    """The first `n` tasks below the one with that path, at any depth, parents before their children."""
    return tx.records(Task, BELOW, low=f"{path}/", high=f"{path}0", n=n)


def children(tx: Tx, task_id: str, n: int) -> list[Task]:
    """The first `n` tasks right below that one, the latest activity first."""
    return tx.records(Task, CHILDREN, id=task_id, n=n)


def paused_among(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Those of the tasks that are paused themselves."""
    return {row[0] for row in tx.rows(PAUSED, ids=list(ids))} if ids else set()


def keep_paused(tx: Tx, ids: Sequence[str]) -> set[str]:
    """The same; none of the tasks is paused, resumed or deleted by others before this transaction ends."""
    return {row[0] for row in tx.rows(KEEP_PAUSED, ids=list(ids)) if row[1] is not None} if ids else set()


def waiting_below(tx: Tx, path: str) -> list[str]:
    """The tasks below the one with that path that have a queued run."""
    return [row[0] for row in tx.rows(WAITING_BELOW, low=f"{path}/", high=f"{path}0")]


class Below(NamedTuple):
    """A task somewhere below another, and how its open run stands."""

    id: str
    path: str
    open_stage: str | None


def open_below(tx: Tx, path: str) -> list[Below]:
    """The tasks below the one with that path that have not ended, or have a run that has not."""
    return [Below(*row) for row in tx.rows(OPEN_BELOW, low=f"{path}/", high=f"{path}0")]


def owed_below(tx: Tx, path: str) -> list[str]:
    """The tasks below the one with that path whose run is queued as soon as no pause is in the way."""
    return [row[0] for row in tx.rows(OWED_BELOW, low=f"{path}/", high=f"{path}0")]


def dependents(tx: Tx, ids: Sequence[str]) -> list[tuple[str, str]]:
    """(task, what it depends on) of all edges that lead to these tasks."""
    return [(row[0], row[1]) for row in tx.rows(DEPENDENTS, ids=list(ids))] if ids else []


def save(tx: Tx, before: Sequence[Task], after: Sequence[Task]) -> None:
    """Write what differs between tasks that this transaction locked and what they are now."""
    _SAVER.save(tx, before, after)
    renamed = [
        now
        for was, now in zip(before, after, strict=True)
        if was.title != now.title or was.identifier != now.identifier
    ]
    if renamed:
        task_texts.save(tx, renamed)
