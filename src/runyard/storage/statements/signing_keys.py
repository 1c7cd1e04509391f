"""SQL of the key pairs that sign."""

from __future__ import annotations

from msgspec.structs import astuple

from runyard.domain.signing import SigningKey
from runyard.storage.port import Insert, Tx

FIELDS: tuple[str, ...] = SigningKey.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TYPES = {name: "bigint" if name.endswith("_at") else "text" for name in FIELDS}
# One key of a purpose signs, by signing_keys_signing: of those that are made at the same time the first stays.
ADD = Insert("signing_keys", _TYPES, "ON CONFLICT DO NOTHING")
# The one that signs, then newest first (servers' clocks may differ), by signing_keys_purpose.
ALL = (
    f"SELECT {COLUMNS} FROM signing_keys WHERE purpose = :purpose "
    "ORDER BY retired_at IS NOT NULL, created_at DESC, id DESC"
)
# By signing_keys_signing.
SIGNING = f"SELECT {COLUMNS} FROM signing_keys WHERE purpose = :purpose AND retired_at IS NULL"
LOCK = f"{SIGNING} {{lock}}"
RETIRE = "UPDATE signing_keys SET retired_at = :now WHERE id = :id"
FORGET = "DELETE FROM signing_keys WHERE purpose = :purpose AND retired_at < :before"


def add(tx: Tx, key: SigningKey) -> bool:
    """Keep the key; False when another one signs for its purpose."""
    return tx.insert_counted(ADD, [astuple(key)]) == 1


def all_of(tx: Tx, purpose: str) -> list[SigningKey]:
    """The keys of a purpose, the one that signs before those that are retired; there are few."""
    return [SigningKey(*row) for row in tx.rows(ALL, purpose=purpose)]


def signing(tx: Tx, purpose: str, *, lock: bool = False) -> SigningKey | None:
    """The key that signs; with `lock` until the commit no other does."""
    row = tx.row(LOCK if lock else SIGNING, purpose=purpose)
    return None if row is None else SigningKey(*row)


def retire(tx: Tx, key_id: str) -> None:
    """Have the key sign nothing new."""
    tx.run(RETIRE, id=key_id, now=tx.now)


def forget(tx: Tx, purpose: str, *, before: int) -> None:
    """Delete keys that were retired before a time."""
    tx.run(FORGET, purpose=purpose, before=before)
