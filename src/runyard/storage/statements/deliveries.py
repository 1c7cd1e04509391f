"""SQL of messages to the outside."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Insert, Row, Tx, Update


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way; without `due_at` it has arrived or was given up."""

    id: str
    project_id: int
    run_id: str | None
    kind: str
    subject: str
    url: str
    headers: str
    secret: str | None
    body: str
    attempts: int
    due_at: int | None
    state: str
    error: str | None
    created_at: int
    webhook_id: str | None = None
    """The webhook it is for, whose address and secrets of the moment are used when it is sent."""


FIELDS = Delivery.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "attempts", "due_at", "created_at"}
ADD = Insert("deliveries", {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS})
DUE = f"SELECT {COLUMNS} FROM deliveries WHERE due_at <= :now ORDER BY due_at LIMIT :n {{skip_locked}}"
NEXT_DUE = "SELECT due_at FROM deliveries WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"
HOLD = "UPDATE deliveries SET due_at = :until, attempts = attempts + 1 WHERE id {among ids}"
# By the primary key.
SETTLED_TRIES = "SELECT delivery_id, COUNT(*) FROM delivery_attempts WHERE delivery_id {among ids} GROUP BY delivery_id"
SETTLE = Update("deliveries", {"state": "text", "error": "text", "due_at": "bigint"}, {"id": "text"})
OF_RUN = f"SELECT {COLUMNS} FROM deliveries WHERE run_id = :run_id ORDER BY id LIMIT :n"
_OLD = (
    "DELETE FROM deliveries WHERE id IN "
    "(SELECT id FROM deliveries WHERE due_at IS NULL AND {those}created_at < :before ORDER BY created_at LIMIT :n)"
)
OLD = _OLD.format(those="webhook_id IS NULL AND ")
# No other messages are as old as those that are deleted here.
OLDEST = _OLD.format(those="")
WEBHOOKS = "SELECT job_id, version, spec FROM job_versions WHERE job_id {among ids} AND version {among versions}"
WAITING = "event.waiting"
"""The kind of messages that tell of a wait for an event; what they are about is the wait's id."""
NOTED = (
    "UPDATE event_waits SET notify_state = :state "
    "WHERE id IN (SELECT subject FROM deliveries WHERE id {among ids} AND kind = :kind)"
)
SLUGS = "SELECT id, slug FROM projects WHERE id {among ids}"


def from_row(row: Row) -> Delivery:
    """A row in the order of `FIELDS` as a record."""
    return Delivery(**dict(zip(FIELDS, row, strict=True)))


def add(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Keep messages to be sent."""
    tx.insert(ADD, [tuple(getattr(one, name) for name in FIELDS) for one in deliveries])


def due(tx: Tx, n: int) -> list[Delivery]:
    """The messages that are due, locked; those that another server takes are left out."""
    return [from_row(row) for row in tx.rows(DUE, now=tx.now, n=n)]


def hold(tx: Tx, ids: Sequence[str], until: int) -> None:
    """Count a try of each of these messages, which nobody else takes until then."""
    if ids:
        tx.run(HOLD, until=until, ids=list(ids))


def settled_tries(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """Of how many tries of each of these messages it is kept what they came to, where it is kept of any."""
    return {row[0]: row[1] for row in tx.rows(SETTLED_TRIES, ids=list(ids))} if ids else {}


def next_due(tx: Tx) -> int | None:
    """When the next message is to be sent."""
    row = tx.row(NEXT_DUE)
    return row[0] if row else None


def settle(tx: Tx, rows: Sequence[tuple[str, str | None, int | None, str]]) -> None:
    """Write (state, error, due, id) of messages that were tried."""
    tx.update(SETTLE, sorted(rows, key=lambda row: row[3]))


def of_run(tx: Tx, run_id: str, n: int) -> list[Delivery]:
    """What was sent about a run, oldest first."""
    return [from_row(row) for row in tx.rows(OF_RUN, run_id=run_id, n=n)]


def forget(tx: Tx, before: int, of_webhooks_before: int, n: int) -> int:
    """Delete old messages that are no longer on their way; how many went."""
    return tx.run(OLD, before=before, n=n) + tx.run(OLDEST, before=of_webhooks_before, n=n)


def definitions(tx: Tx, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The definitions of jobs at these versions."""
    ids, versions = sorted({one for one, _ in wanted}), sorted({version for _, version in wanted})
    return {(row[0], row[1]): row[2] for row in tx.rows(WEBHOOKS, ids=ids, versions=versions)}


def slugs(tx: Tx, project_ids: Sequence[int]) -> dict[int, str]:
    """The slugs of projects."""
    return dict(tx.rows(SLUGS, ids=list(project_ids)))


def note(tx: Tx, ids: Sequence[str], state: str) -> None:
    """Note with the waits for events that messages tell of what became of the messages."""
    if ids:
        tx.run(NOTED, ids=sorted(ids), state=state, kind=WAITING)
