"""Key pairs that sign: made once for all servers on a database, replaced when somebody asks for it."""

from __future__ import annotations

import msgspec

from runyard.domain.errors import Conflict
from runyard.domain.signing import LONGEST_LIFE, MOST_KEYS, Pair, SigningKey
from runyard.engine.projects import DEFAULT
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import signing_keys as sql

TOPIC = "signing keys"
"""Touched when there is another key, or one less."""


def keys(tx: Tx, purpose: str) -> list[SigningKey]:
    """The keys of a purpose, newest first; the first signs, the others are retired."""
    return sql.all_of(tx, purpose)


def ensure(tx: Tx, purpose: str, pair: Pair) -> list[SigningKey]:
    """Keep the pair where the purpose has none that signs; the keys that there are then, newest first."""
    key = _key(tx, purpose, pair)
    if sql.signing(tx, purpose) is None and sql.add(tx, key):
        _tell(tx, key, "signing_key.created", None)
    return sql.all_of(tx, purpose)


def rotate(tx: Tx, purpose: str, pair: Pair, *, actor: str | None = None) -> SigningKey:
    """The new key, which signs from now on; keys that nothing can be signed by any more are forgotten.

    Raises `Conflict` when somebody else does the same at this moment, or when there are too many keys.
    """
    old = sql.signing(tx, purpose, lock=True)
    known = sql.all_of(tx, purpose)
    before = tx.now - LONGEST_LIFE
    if sum(one.retired_at is None or one.retired_at >= before for one in known) >= MOST_KEYS:
        raise Conflict(f"{MOST_KEYS} keys are in use; the first is forgotten 30 days after it was replaced")
    if old is None and known:
        raise Conflict("another key was made at this moment; look which one signs now")
    if old is not None:
        sql.retire(tx, old.id)
    sql.forget(tx, purpose, before=before)
    key = _key(tx, purpose, pair)
    sql.add(tx, key)
    _tell(tx, key, "signing_key.rotated", actor)
    return key


def _key(tx: Tx, purpose: str, pair: Pair) -> SigningKey:
    return SigningKey(tx.new_id(), purpose, pair.sealed, pair.public, tx.now, None)


def _tell(tx: Tx, key: SigningKey, event: str, actor: str | None) -> None:
    data = {"key_id": key.id, "purpose": key.purpose}
    tx.emit(JournalLine(DEFAULT, None, event, actor, msgspec.json.encode(data).decode()))
    tx.wake(TOPIC)
