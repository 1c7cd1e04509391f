"""SQL of who wants to be told of the ends of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.bridges import DeliveryMode, Line, Subscription
from runyard.domain.tasks import Stage
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = Subscription.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {
    "project_id",
    "created_at",
    "updated_at",
    "last_sequence",
    "last_delivered_at",
    "cursor_at",
    "look_at",
    "held",
    "failures",
}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_FIXED = {"id", "project_id", "name", "creator_kind", "creator_ref", "created_at"}
_CHANGING = tuple(name for name in FIELDS if name not in _FIXED)
ADD = Insert("subscriptions", _TYPES, "ON CONFLICT DO NOTHING")
SAVE = Update("subscriptions", {name: _TYPES[name] for name in _CHANGING}, {"id": "text"})
# By the unique index of project and name.
NAMED = f"SELECT {COLUMNS} FROM subscriptions WHERE project_id = :project_id AND name = :name"
LOCK_NAMED = f"{NAMED} {{lock}}"
GET = f"SELECT {COLUMNS} FROM subscriptions WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"
# By the index `subscriptions_task`.
OF_TASK = (
    f"SELECT {COLUMNS} FROM subscriptions WHERE task_id = :task_id ORDER BY task_id, updated_at DESC, id DESC LIMIT :n"
)
# By the index `subscriptions_bridge`.
OF_BRIDGE = (
    f"SELECT {COLUMNS} FROM subscriptions WHERE bridge_id = :bridge_id ORDER BY bridge_id DESC, id DESC LIMIT :n"
)
DELETE = "DELETE FROM subscriptions WHERE id = :id"
# By the index `subscriptions_look`.
NEXT = "SELECT look_at FROM subscriptions WHERE look_at IS NOT NULL ORDER BY look_at LIMIT 1"
DUE = f"SELECT {COLUMNS} FROM subscriptions WHERE look_at <= :now ORDER BY look_at LIMIT :n {{skip_locked}}"
HOLD = "UPDATE subscriptions SET look_at = :until, held = 1 WHERE id {among ids}"
# By the index `subscriptions_failing`.
FAILING = (
    "SELECT bridge_id, COUNT(*), SUM(failures) FROM subscriptions WHERE bridge_id {among ids} AND failures > 0 "
    "GROUP BY bridge_id"
)
# What is told at this moment is not told a second time at once; who tells it looks again.
ENDED = (
    "UPDATE subscriptions SET look_at = CASE WHEN held = 0 THEN :now ELSE look_at END, "
    "held = CASE WHEN held = 0 THEN 0 ELSE 2 END, failures = 0 "
    "WHERE id IN (SELECT id FROM subscriptions WHERE task_id {among ids} ORDER BY id {lock})"
)
HASTEN = (
    "UPDATE subscriptions SET look_at = :now, failures = 0 WHERE id IN (SELECT id FROM subscriptions "
    "WHERE bridge_id = :bridge_id AND failures > 0 AND look_at > :now AND held = 0 ORDER BY id LIMIT :n {lock})"
)
# The first lines after each one's cursor, found by the index of task and number.
LINES = (
    "SELECT s.id, e.seq, e.type, e.run_id FROM subscriptions s JOIN task_events e ON e.task_id = s.task_id "
    "AND e.seq > s.last_sequence AND e.seq <= COALESCE((SELECT t.seq FROM task_events t WHERE t.task_id = s.task_id "
    "AND t.seq > s.last_sequence ORDER BY t.seq LIMIT 1 OFFSET :beyond), 9223372036854775807) "
    "WHERE s.id {among ids} ORDER BY s.id, e.seq"
)
STAGES = "SELECT run_id, stage FROM task_runs WHERE run_id {among ids}"
SAID = "SELECT seq, at, payload FROM task_events WHERE seq {among seqs}"
ERRORS = "SELECT id, error FROM runs WHERE id {among ids}"


def from_row(row: Row) -> Subscription:
    """A row in the order of `FIELDS` as a record."""
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    fields["delivery_mode"] = DeliveryMode(fields["delivery_mode"])
    return Subscription(**fields)


def add(tx: Tx, one: Subscription) -> bool:
    """Keep a new subscription; False when its name is another's."""
    return tx.insert_counted(ADD, [msgspec.structs.astuple(one)]) == 1


def save(tx: Tx, one: Subscription) -> None:
    """Write a subscription that was locked."""
    tx.update(SAVE, [(*(getattr(one, name) for name in _CHANGING), one.id)])


def named(tx: Tx, project_id: int, name: str, *, lock: bool = False) -> Subscription | None:
    """The project's subscription of that name."""
    row = tx.row(LOCK_NAMED if lock else NAMED, project_id=project_id, name=name)
    return None if row is None else from_row(row)


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Subscription]:
    """The subscriptions by id; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, subscription_id: str) -> Subscription | None:
    """The subscription, locked."""
    row = tx.row(LOCK, ids=[subscription_id])
    return None if row is None else from_row(row)


def of_task(tx: Tx, task_id: str, n: int) -> list[Subscription]:
    """The task's subscriptions, the one changed last first."""
    return [from_row(row) for row in tx.rows(OF_TASK, task_id=task_id, n=n)]


def of_bridge(tx: Tx, bridge_id: str, n: int) -> list[Subscription]:
    """The bridge's newest subscriptions."""
    return [from_row(row) for row in tx.rows(OF_BRIDGE, bridge_id=bridge_id, n=n)]


def delete(tx: Tx, subscription_id: str) -> None:
    """Delete the subscription."""
    tx.run(DELETE, id=subscription_id)


def next_look(tx: Tx) -> int | None:
    """When the next subscription is to be looked at."""
    row = tx.row(NEXT)
    return row[0] if row else None


def take(tx: Tx, n: int, until: int) -> list[Subscription]:
    """The subscriptions to be looked at now, which nobody else takes until then."""
    found = [from_row(row) for row in tx.rows(DUE, now=tx.now, n=n)]
    if found:
        tx.run(HOLD, until=until, ids=sorted(one.id for one in found))
    return found


def ended(tx: Tx, task_ids: Sequence[str]) -> None:
    """Have the subscriptions of these tasks looked at now, or once more where somebody does already."""
    tx.run(ENDED, ids=sorted(task_ids), now=tx.now)


def hasten(tx: Tx, bridge_id: str, n: int) -> int:
    """Have subscriptions of the bridge that wait for another try looked at now; how many."""
    return tx.run(HASTEN, bridge_id=bridge_id, now=tx.now, n=n)


def failing(tx: Tx, bridge_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How many messages wait for another try over each bridge, and how many tries at them have failed."""
    rows = tx.rows(FAILING, ids=list(bridge_ids)) if bridge_ids else []
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def lines(tx: Tx, ids: Sequence[str], most: int) -> dict[str, list[Line]]:
    """The first lines (at most `most`) after each subscription's cursor, in order."""
    found: dict[str, list[Line]] = {}
    for row in tx.rows(LINES, ids=list(ids), beyond=most - 1) if ids else []:
        found.setdefault(row[0], []).append(Line(*row[1:]))
    return found


def stages(tx: Tx, run_ids: Sequence[str]) -> dict[str, Stage]:
    """How these runs stand."""
    return {row[0]: Stage(row[1]) for row in tx.rows(STAGES, ids=list(run_ids))} if run_ids else {}


def said(tx: Tx, seqs: Sequence[int]) -> dict[int, tuple[int, str]]:
    """The time and the payload of these lines."""
    return {row[0]: (row[1], row[2]) for row in tx.rows(SAID, seqs=list(seqs))} if seqs else {}


def errors(tx: Tx, run_ids: Sequence[str]) -> dict[str, str]:
    """Why these runs failed, as JSON; those without an error are absent."""
    found = tx.rows(ERRORS, ids=list(run_ids)) if run_ids else []
    return {row[0]: row[1] for row in found if row[1] is not None}
