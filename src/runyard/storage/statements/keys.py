"""SQL of API keys."""

from __future__ import annotations

import msgspec

from runyard.domain.records import Key
from runyard.storage.port import Insert, Row, Tx

FIELDS = Key.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_SCOPES = FIELDS.index("scopes")
_INTEGERS = {"project_id", "created_at", "expires_at", "revoked_at", "last_used_at"}
INSERT = Insert(
    "api_keys", {name: "bigint" if name in _INTEGERS else "text" for name in FIELDS}, "ON CONFLICT (hash) DO NOTHING"
)
BY_HASH = f"SELECT {COLUMNS} FROM api_keys WHERE hash = :hash"
BY_ID = f"SELECT {COLUMNS} FROM api_keys WHERE id = :id AND project_id = :project_id"
PAGE = f"SELECT {COLUMNS} FROM api_keys WHERE project_id = :project_id AND id < :before ORDER BY id DESC LIMIT :n"
_PLAIN = "scopes NOT LIKE '%\"admin\"%' AND scopes NOT LIKE '%\"server:%'"
"""Keys of people, neither of admins nor of the server's own parts."""
PAGE_BY_TIME = (
    f"SELECT {COLUMNS} FROM api_keys WHERE project_id = :project_id AND (created_at, id) < (:at, :id) "
    f"AND (:admins = 1 OR ({_PLAIN})) ORDER BY created_at DESC, id DESC LIMIT :n"
)
# By the index api_keys_live.
_LIVE = f"FROM api_keys WHERE project_id = :project_id AND revoked_at IS NULL AND {_PLAIN} "
COUNT_LIVE = f"SELECT COUNT(*) {_LIVE}"
LIVE = f"SELECT {COLUMNS} {_LIVE} ORDER BY created_at DESC, id DESC LIMIT :n OFFSET :offset"
LOCK = f"SELECT {COLUMNS} FROM api_keys WHERE id = :id {{lock}}"
REPLACE = "UPDATE api_keys SET replaced_by = :replaced_by, expires_at = :expires_at WHERE id = :id"
REVOKE_ALL = "UPDATE api_keys SET revoked_at = :now WHERE project_id = :project_id AND revoked_at IS NULL"
REVOKE = "UPDATE api_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL"
TOUCH = "UPDATE api_keys SET last_used_at = :now WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :now)"
ADMIN = (
    "SELECT 1 FROM api_keys WHERE project_id = :project_id AND scopes LIKE '%\"admin\"%' AND revoked_at IS NULL "
    "AND (expires_at IS NULL OR expires_at > :now) LIMIT 1"
)


def insert(tx: Tx, key: Key) -> bool:
    """Add the key; False when a key of this hash is there already."""
    row = list(msgspec.structs.astuple(key))
    row[_SCOPES] = msgspec.json.encode(key.scopes).decode()
    return tx.insert_counted(INSERT, [tuple(row)]) == 1


def by_hash(tx: Tx, digest: str) -> Key | None:
    """The key of that hash."""
    return _record(tx.row(BY_HASH, hash=digest))


def by_id(tx: Tx, project_id: int, key_id: str) -> Key | None:
    """The project's key of that id."""
    return _record(tx.row(BY_ID, project_id=project_id, id=key_id))


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Key]:
    """Keys below an id, newest first."""
    return [_from_row(row) for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)]


def page_by_time(tx: Tx, project_id: int, *, before: tuple[int, str], n: int, admins: bool) -> list[Key]:
    """Keys made before a time (those of that very time by id), newest first; with or without those of admins."""
    at, key_id = before
    rows = tx.rows(PAGE_BY_TIME, project_id=project_id, at=at, id=key_id, n=n, admins=int(admins))
    return [_from_row(row) for row in rows]


def count_live(tx: Tx, project_id: int) -> int:
    """How many of the project's keys are not revoked and no admin's."""
    row = tx.row(COUNT_LIVE, project_id=project_id)
    return int(row[0]) if row else 0


def live(tx: Tx, project_id: int, *, offset: int, n: int) -> list[Key]:
    """Those keys, newest first, from behind so many on."""
    return [_from_row(row) for row in tx.rows(LIVE, project_id=project_id, offset=offset, n=n)]


def lock(tx: Tx, key_id: str) -> Key | None:
    """The key, locked."""
    return _record(tx.row(LOCK, id=key_id))


def replace(tx: Tx, key: Key) -> None:
    """Write by what the key is replaced, and until when it is good."""
    tx.run(REPLACE, id=key.id, replaced_by=key.replaced_by, expires_at=key.expires_at)


def revoke_all(tx: Tx, project_id: int) -> None:
    """Mark every key of the project as revoked now."""
    tx.run(REVOKE_ALL, project_id=project_id, now=tx.now)


def revoke(tx: Tx, key_id: str) -> None:
    """Mark the key as revoked now, unless it is already."""
    tx.run(REVOKE, id=key_id, now=tx.now)


def touch(tx: Tx, key_id: str) -> None:
    """Note that the key is used now."""
    tx.run(TOUCH, id=key_id, now=tx.now)


def has_admin(tx: Tx, project_id: int) -> bool:
    """Whether a valid key with the scope `admin` exists."""
    return tx.row(ADMIN, project_id=project_id, now=tx.now) is not None


def _from_row(row: Row) -> Key:
    fields = dict(zip(FIELDS, row, strict=True))
    fields["scopes"] = tuple(msgspec.json.decode(fields["scopes"], type=list[str]))
    return Key(**fields)


def _record(row: Row | None) -> Key | None:
    return _from_row(row) if row is not None else None


LIVE_OF_NAME = (
    "SELECT id FROM api_keys WHERE project_id = :project_id AND name = :name AND revoked_at IS NULL "
    "ORDER BY id LIMIT 100"
)


def live_of_name(tx: Tx, project_id: int, name: str) -> list[str]:
    """The ids of keys of that name that are not revoked."""
    return [row[0] for row in tx.rows(LIVE_OF_NAME, project_id=project_id, name=name)]
