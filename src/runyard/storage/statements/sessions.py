"""SQL of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.sessions import Session, SessionState
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = Session.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {
    "project_id",
    "stops_with_parent",
    "created_at",
    "updated_at",
    "active_at",
    "expires_at",
    "stopped_at",
    "events",
}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_MOVING = (
    "name",
    "state",
    "channel",
    "capabilities",
    "settings",
    "updated_at",
    "active_at",
    "expires_at",
    "stopped_at",
    "stop_reason",
    "failure",
    "stopping",
    "events",
)
ADD = Insert("sessions", _TYPES)
SAVE = Update("sessions", {name: _TYPES[name] for name in _MOVING}, {"id": "text"})
GET = f"SELECT {COLUMNS} FROM sessions WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"


def from_row(row: Row) -> Session:
    """A row in the order of `FIELDS` as a record."""
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    fields["state"] = SessionState(fields["state"])
    return Session(**fields)


def add(tx: Tx, session: Session) -> None:
    """Add a session."""
    tx.insert(ADD, [tuple(msgspec.structs.astuple(session))])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Session]:
    """The sessions by id; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, Session]:
    """The sessions by id, locked in id order; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(LOCK, ids=sorted(set(ids))))} if ids else {}


def save(tx: Tx, sessions: Sequence[Session]) -> None:
    """Write how sessions stand."""
    tx.update(SAVE, [(*(getattr(one, name) for name in _MOVING), one.id) for one in sessions])
