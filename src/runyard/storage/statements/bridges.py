"""SQL of bridges to services outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.bridges import Bridge, BridgeState
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = Bridge.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "enabled", "suppressed", "created_at", "updated_at"}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_FIXED = {"id", "project_id", "workspace_id", "extension", "platform", "created_at"}
_CHANGING = tuple(name for name in FIELDS if name not in _FIXED)
ADD = Insert("bridges", _TYPES)
SAVE = Update("bridges", {name: _TYPES[name] for name in _CHANGING}, {"id": "text"})
GET = f"SELECT {COLUMNS} FROM bridges WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"
KEEP = f"{GET} {{keep}}"
# By the index `bridges_project`.
PAGE = f"SELECT {COLUMNS} FROM bridges WHERE project_id = :project_id AND id < :before ORDER BY id DESC LIMIT :n"
COUNT = "SELECT COUNT(*) FROM bridges WHERE project_id = :project_id"
DELETE = "DELETE FROM bridges WHERE id = :id"
# Only what changes is written: many messages over one bridge come to the same.
FAILED = (
    "UPDATE bridges SET state = 'failing', last_error = :error WHERE id = :id AND state IN ('ready', 'failing') "
    "AND (last_error IS NULL OR last_error <> :error)"
)
WELL = "UPDATE bridges SET state = 'ready', last_error = NULL WHERE id = :id AND state = 'failing'"


def from_row(row: Row) -> Bridge:
    """A row in the order of `FIELDS` as a record."""
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    fields["enabled"] = bool(fields["enabled"])
    fields["suppressed"] = bool(fields["suppressed"])
    fields["state"] = BridgeState(fields["state"])
    return Bridge(**fields)


def _values(bridge: Bridge, names: Sequence[str]) -> tuple[Any, ...]:
    fields = msgspec.structs.asdict(bridge)
    fields["enabled"] = int(bridge.enabled)
    fields["suppressed"] = int(bridge.suppressed)
    return tuple(fields[name] for name in names)


def add(tx: Tx, bridge: Bridge) -> None:
    """Keep a new bridge."""
    tx.insert(ADD, [_values(bridge, FIELDS)])


def save(tx: Tx, bridge: Bridge) -> None:
    """Write a bridge that was locked."""
    tx.update(SAVE, [(*_values(bridge, _CHANGING), bridge.id)])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Bridge]:
    """The bridges by id; unknown ids are absent."""
    return {one.id: one for one in map(from_row, tx.rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, bridge_id: str) -> Bridge | None:
    """The bridge, locked."""
    row = tx.row(LOCK, ids=[bridge_id])
    return None if row is None else from_row(row)


def keep(tx: Tx, bridge_id: str) -> Bridge | None:
    """The bridge, which nobody deletes until this transaction ends."""
    row = tx.row(KEEP, ids=[bridge_id])
    return None if row is None else from_row(row)


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Bridge]:
    """The project's bridges below an id, newest first."""
    return [from_row(row) for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)]


def count(tx: Tx, project_id: int) -> int:
    """How many bridges the project has."""
    row = tx.row(COUNT, project_id=project_id)
    return int(row[0]) if row else 0


def delete(tx: Tx, bridge_id: str) -> None:
    """Delete the bridge."""
    tx.run(DELETE, id=bridge_id)


def failed(tx: Tx, bridge_id: str, error: str) -> None:
    """Note that a message did not get over the bridge."""
    tx.run(FAILED, id=bridge_id, error=error)


def well(tx: Tx, bridge_id: str) -> None:
    """Note that messages get over the bridge."""
    tx.run(WELL, id=bridge_id)
