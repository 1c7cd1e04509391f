"""SQL of lists of tasks: ranges of indexes with the latest activity first, and what tasks wait for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Row, Tx, Value

COLUMNS = (
    "id, active_at, parent_id, workspace_id, title, identifier, priority, status, approval_state, "
    "owner_kind, owner_ref, channel"
)
RANGES = {
    "project": "",  # index tasks_active
    "parent": "AND parent_id = :value",  # index tasks_parent
    "workspace": "AND workspace_id = :value",  # index tasks_workspace
    "global": "AND workspace_id IS NULL",  # index tasks_workspace
    "status": "AND status = :value",  # index tasks_status
    "owner": "AND owner_kind = :value AND owner_ref = :owner_ref",  # index tasks_owner
}
_WALK = (
    f"SELECT {COLUMNS} FROM tasks WHERE project_id = :project_id # AND (active_at, id) < (:at, :id) "
    "ORDER BY active_at DESC, id DESC LIMIT :n"
)
WALKS = {kind: _WALK.replace("#", condition) for kind, condition in RANGES.items()}
# A sum keeps SQLite from going through all tasks of the project by the index that begins with it.
WALKS["parent"] = WALKS["parent"].replace("project_id = :project_id", "project_id + 0 = :project_id")
# To PostgreSQL, what is NULL is not equal, so that the order has to name it for the index to be in that order.
WALKS["global"] = WALKS["global"].replace("ORDER BY ", "ORDER BY workspace_id DESC, ")
NARROW = f"SELECT {COLUMNS} FROM tasks WHERE id {{among ids}}"
EDGES = (
    "SELECT task_id, depends_on_id, created_at FROM task_dependencies WHERE task_id {among ids} "
    "ORDER BY task_id, created_at, depends_on_id"
)
BELOW = "SELECT id, path, active_at FROM tasks WHERE path > :low AND path < :high ORDER BY path LIMIT :n"


class Narrow(msgspec.Struct, frozen=True, gc=False):
    """What filters look at. Built from rows by position."""

    id: str
    active_at: int
    parent_id: str | None
    workspace_id: str | None
    title: str
    identifier: str | None
    priority: int
    status: str
    approval_state: str
    owner_kind: str | None
    owner_ref: str | None
    channel: str | None


class Edge(msgspec.Struct, frozen=True, gc=False):
    """What a task waits for. Built from rows by position."""

    task_id: str
    depends_on_id: str
    created_at: int


def walk(
    tx: Tx, project_id: int, kind: str, value: Value, owner_ref: str | None, *, at: int, id: str, n: int
) -> list[Narrow]:
    """The next `n` tasks of a range behind a place in it, the latest activity first."""
    params: dict[str, Value] = {"project_id": project_id, "at": at, "id": id, "n": n}
    if ":value" in RANGES[kind]:
        params["value"] = value
    if ":owner_ref" in RANGES[kind]:
        params["owner_ref"] = owner_ref
    return [Narrow(*row) for row in tx.rows(WALKS[kind], **params)]


def narrow(tx: Tx, ids: Sequence[str]) -> list[Narrow]:
    """These tasks, in no order."""
    return [Narrow(*row) for row in tx.rows(NARROW, ids=list(ids))] if ids else []


def edges(tx: Tx, ids: Sequence[str]) -> list[Edge]:
    """What each of these tasks waits for, in the order it was said."""
    return [Edge(*row) for row in tx.rows(EDGES, ids=list(ids))] if ids else []


def below(tx: Tx, path: str, n: int) -> list[Row]:
    """(id, path, activity) of the first `n` tasks below the one with that path, at any depth."""
    return tx.rows(BELOW, low=f"{path}/", high=f"{path}0", n=n)
