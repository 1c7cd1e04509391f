"""SQL of what was seen of tasks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.actors import Actor
from runyard.domain.inbox import TRIAGE_SUMS, Mark, Triage
from runyard.storage.port import Insert, Row, Tx
from runyard.storage.statements.tasks import summing

FIELDS: tuple[str, ...] = Triage.__struct_fields__
COLUMNS = ", ".join(FIELDS)
KEY = {"project_id": "bigint", "actor_kind": "text", "actor_ref": "text", "task_id": "text"}
_NUMBERS = {"project_id", "archived", "dismissed", "seen_at", "updated_at", "counted", "active_at", "priority"}
_MARK = FIELDS.index("mark")
_MARKS = {mark.value: mark for mark in Mark}
_WHOSE = "project_id = :project_id AND actor_kind = :kind AND actor_ref = :ref"

SAVE = Insert(
    "triage",
    {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS},
    f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in FIELDS if name not in KEY),
)
OF_ACTOR = f"SELECT {COLUMNS} FROM triage WHERE {_WHOSE} AND task_id {{among ids}}"
OF_TASKS = f"SELECT {COLUMNS} FROM triage WHERE task_id {{among ids}}"
DELETE = "DELETE FROM triage WHERE task_id {among ids}"
SUMS = summing(
    "triage_sums",
    {
        "project_id": "bigint",
        **dict.fromkeys(("actor_kind", "actor_ref", "workspace_id", "owner_kind", "owner_ref", "lane"), "text"),
    },
    TRIAGE_SUMS,
)


def from_row(row: Row) -> Triage:
    """A row in the order of `FIELDS` as a record."""
    values = list(row)
    values[_MARK] = _MARKS[values[_MARK]]
    return Triage(*values)


def save(tx: Tx, records: Sequence[Triage]) -> None:
    """Write records of tasks that this transaction locked, new or changed."""
    tx.insert(SAVE, [astuple(one) for one in sorted(records, key=lambda one: (one.task_id, one.actor_ref))])


def of_actor(tx: Tx, project_id: int, actor: Actor, ids: Sequence[str]) -> dict[str, Triage]:
    """What the actor has seen of these tasks, by task; what they never looked at is absent."""
    rows = tx.rows(OF_ACTOR, project_id=project_id, kind=actor.kind, ref=actor.ref, ids=list(ids)) if ids else []
    return {one.task_id: one for one in map(from_row, rows)}


def of_tasks(tx: Tx, ids: Sequence[str]) -> list[Triage]:
    """What anybody has seen of these tasks."""
    return [from_row(row) for row in tx.rows(OF_TASKS, ids=list(ids))] if ids else []


def delete(tx: Tx, ids: Sequence[str]) -> None:
    """Forget what anybody has seen of these tasks."""
    tx.run(DELETE, ids=list(ids))
