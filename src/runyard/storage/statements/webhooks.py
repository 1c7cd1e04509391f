"""SQL of webhooks, and of the log of what was sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.webhooks import Webhook
from runyard.storage.port import Insert, Row, Tx, Update
from runyard.storage.statements import deliveries
from runyard.storage.statements.deliveries import Delivery

FIELDS: tuple[str, ...] = Webhook.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "enabled", "old_until", "failing_since", "created_at", "updated_at"}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_FIXED = {"id", "project_id", "created_at"}
_CHANGING = tuple(name for name in FIELDS if name not in _FIXED)
ADD = Insert("webhooks", _TYPES)
SAVE = Update("webhooks", {name: _TYPES[name] for name in _CHANGING}, {"id": "text"})
GET = f"SELECT {COLUMNS} FROM webhooks WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"
# By the index `webhooks_project`.
PAGE = (
    f"SELECT {COLUMNS} FROM webhooks WHERE project_id = :project_id AND id < :before "
    "ORDER BY project_id DESC, id DESC LIMIT :n"
)
ENABLED = "SELECT project_id, id, url, events FROM webhooks WHERE project_id {among ids} AND enabled = 1"
COUNT = "SELECT COUNT(*) FROM webhooks WHERE project_id = :project_id"
DELETE = "DELETE FROM webhooks WHERE id = :id"
FAILING = "UPDATE webhooks SET failing_since = :now WHERE id {among ids} AND failing_since IS NULL"
WELL = "UPDATE webhooks SET failing_since = NULL WHERE id {among ids} AND failing_since IS NOT NULL"
# A counter, so that every server learns of a change with the first look after it (`classes.VERSION` is its like).
BUMP = (
    "INSERT INTO counters (name, value) VALUES ('webhooks', 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1"
)
VERSION = "SELECT value FROM counters WHERE name = 'webhooks'"

# By the index `deliveries_webhook`.
LOG = (
    f"SELECT {deliveries.COLUMNS} FROM deliveries WHERE webhook_id = :webhook_id AND id < :before "
    "ORDER BY webhook_id DESC, id DESC LIMIT :n OFFSET :offset"
)
LOG_COUNT = "SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE webhook_id = :webhook_id LIMIT :most) AS counted"
DELIVERY = f"SELECT {deliveries.COLUMNS} FROM deliveries WHERE id = :id"
LOCK_DELIVERY = f"{DELIVERY} {{lock}}"
LOCK_DELIVERIES = "SELECT id, attempts, state FROM deliveries WHERE id {among ids} ORDER BY id {lock}"
PUT_OFF = Update("deliveries", {"due_at": "bigint", "attempts": "bigint"}, {"id": "text"})
HASTEN = "UPDATE deliveries SET due_at = :now WHERE id = :id"


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver a message."""

    delivery_id: str
    number: int
    at: int
    status: int | None
    """Of the answer, if one came."""
    duration_ms: int
    error: str | None
    """None when the message arrived."""


TRY_FIELDS: tuple[str, ...] = Try.__struct_fields__
TRIED = Insert(
    "delivery_attempts",
    {name: "text" if name in {"delivery_id", "error"} else "bigint" for name in TRY_FIELDS},
    "ON CONFLICT (delivery_id, number) DO NOTHING",
)
TRIES = (
    f"SELECT {', '.join(TRY_FIELDS)} FROM delivery_attempts WHERE delivery_id {{among ids}} "
    "ORDER BY delivery_id, number"
)
OLD_TRIES = (
    "DELETE FROM delivery_attempts WHERE (delivery_id, number) IN "
    "(SELECT delivery_id, number FROM delivery_attempts WHERE at < :before ORDER BY at LIMIT :n)"
)


def from_row(row: Row) -> Webhook:
    """A row in the order of `FIELDS` as a record."""
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    fields["enabled"] = bool(fields["enabled"])
    fields["events"] = msgspec.json.decode(fields["events"], type=tuple[str, ...])
    return Webhook(**fields)


def _values(webhook: Webhook, names: Sequence[str]) -> tuple[Any, ...]:
    fields = msgspec.structs.asdict(webhook)
    fields["enabled"] = int(webhook.enabled)
    fields["events"] = msgspec.json.encode(webhook.events).decode()
    return tuple(fields[name] for name in names)


def add(tx: Tx, webhook: Webhook) -> None:
    """Keep a new webhook."""
    tx.insert(ADD, [_values(webhook, FIELDS)])


def save(tx: Tx, webhooks: Sequence[Webhook]) -> None:
    """Write webhooks that were locked."""
    tx.update(SAVE, [(*_values(one, _CHANGING), one.id) for one in webhooks])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Webhook]:
    """The webhooks by id; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, Webhook]:
    """The webhooks by id, locked until the commit."""
    return {one.id: one for one in map(from_row, tx.rows(LOCK, ids=list(ids)))} if ids else {}


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Webhook]:
    """The project's webhooks, newest first."""
    return [from_row(row) for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)]


def count(tx: Tx, project_id: int) -> int:
    """How many webhooks the project has."""
    row = tx.row(COUNT, project_id=project_id)
    return int(row[0]) if row else 0


def enabled(tx: Tx, project_ids: Sequence[int]) -> list[tuple[int, str, str, tuple[str, ...]]]:
    """(project, id, url, events) of the enabled webhooks of these projects."""
    rows = tx.rows(ENABLED, ids=list(project_ids))
    return [(row[0], row[1], row[2], msgspec.json.decode(row[3], type=tuple[str, ...])) for row in rows]


def delete(tx: Tx, webhook_id: str) -> None:
    """Delete a webhook."""
    tx.run(DELETE, id=webhook_id)


def failing(tx: Tx, ids: Sequence[str]) -> None:
    """Note that messages to these webhooks fail from now on, unless that is noted already."""
    tx.run(FAILING, ids=sorted(ids), now=tx.now)


def well(tx: Tx, ids: Sequence[str]) -> None:
    """Note that messages arrive at these webhooks."""
    tx.run(WELL, ids=sorted(ids))


def changed(tx: Tx) -> None:
    """Have every server read anew who is told of what."""
    tx.run(BUMP)


def version(tx: Tx) -> int:
    """Grows whenever a webhook is made, changed or deleted."""
    row = tx.row(VERSION)
    return int(row[0]) if row else 0


def log(tx: Tx, webhook_id: str, *, before: str, n: int, offset: int) -> list[Delivery]:
    """What was or will be sent to a webhook, newest first."""
    rows = tx.rows(LOG, webhook_id=webhook_id, before=before, n=n, offset=offset)
    return [deliveries.from_row(row) for row in rows]


def log_count(tx: Tx, webhook_id: str, most: int) -> int:
    """How many messages the log of a webhook has, counted so far at most."""
    row = tx.row(LOG_COUNT, webhook_id=webhook_id, most=most)
    return int(row[0]) if row else 0


def delivery(tx: Tx, delivery_id: str, *, lock: bool) -> Delivery | None:
    """The message."""
    row = tx.row(LOCK_DELIVERY if lock else DELIVERY, id=delivery_id)
    return None if row is None else deliveries.from_row(row)


def lock_deliveries(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """How often each message was tried, and its state; locked until the commit."""
    return {row[0]: (row[1], row[2]) for row in tx.rows(LOCK_DELIVERIES, ids=sorted(ids))}


def put_off(tx: Tx, rows: Sequence[tuple[int, int, str]]) -> None:
    """Write (due, attempts, id) of messages that were taken and are not sent now."""
    tx.update(PUT_OFF, sorted(rows, key=lambda row: row[2]))


def hasten(tx: Tx, delivery_id: str) -> None:
    """Have a message sent now."""
    tx.run(HASTEN, id=delivery_id, now=tx.now)


def add_tries(tx: Tx, tries: Sequence[Try]) -> None:
    """Keep what tries came to."""
    tx.insert(TRIED, [tuple(getattr(one, name) for name in TRY_FIELDS) for one in tries])


def tries(tx: Tx, ids: Sequence[str]) -> dict[str, list[Try]]:
    """The tries at each of these messages, in order; those that were not tried are absent."""
    found: dict[str, list[Try]] = {}
    for row in tx.rows(TRIES, ids=list(ids)) if ids else []:
        found.setdefault(row[0], []).append(Try(**dict(zip(TRY_FIELDS, row, strict=True))))
    return found


def forget_tries(tx: Tx, before: int, n: int) -> int:
    """Delete old tries; how many went."""
    return tx.run(OLD_TRIES, before=before, n=n)
