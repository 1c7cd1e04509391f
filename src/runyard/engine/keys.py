"""API keys: shown once, kept as a hash, good for one project.

A key with the scope `admin` belongs to no project: it is kept with project 1, which is where it acts unless a request
names another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.records import Key
from runyard.engine.projects import DEFAULT
from runyard.storage.port import JournalLine, Tx
from runyard.storage.sql import BEYOND, FOREVER
from runyard.storage.statements import keys as sql

SCOPES = frozenset({"task:read", "task:write", "runs:read", "runs:write", "runs:claim", "jobs:write", "admin"})
AGENTS = "server:agents"
"""The scope of the built-in agents' own worker: their work of every project. No API grants it, and no other has it."""
PREFIXES = {"native": "ry_", "strait": "strait_", "bamboosnow": "bs_live_", "agh": "ry_", "posthog": "ry_"}
"""How keys of each dialect begin; it picks the dialect at the root and grants nothing."""
PREFIX = 10
"""How much of a key is kept to tell it by."""
PREFIX_OF = {"strait": 12}
STRAIT = frozenset(
    f"{what}:{right}"
    for what, rights in {
        "jobs": ("read", "write", "trigger"),
        "runs": ("read", "write"),
        "workflows": ("read", "write", "trigger"),
        "secrets": ("read", "write"),
        "webhooks": ("read", "write"),
        "api-keys": ("manage",),
        "rbac": ("manage",),
        "stats": ("read",),
        "projects": ("read", "write", "manage"),
    }.items()
    for right in rights
)
BAMBOOSNOW = frozenset({"read", "write", "agents:run", "agents:configure", "repositories:manage", "keys:manage"})
SPOKEN = {"strait": STRAIT | {"*"}, "bamboosnow": BAMBOOSNOW | {"*"}}
"""The scopes of dialects that have words of their own; a key of one may have none, which is everything but `admin`."""
MINUTE = 60 * 1_000_000
LONGEST_GRACE = 10_080 * MINUTE


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its secret, which is in no other answer."""

    key: Key
    secret: str


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was replaced, and the one in its place."""

    old: Key
    new: NewKey


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of keys, and how many there are on all pages."""

    rows: list[Key]
    total: int


def create(
    tx: Tx,
    project_id: int,
    *,
    name: str,
    scopes: Sequence[str],
    dialect: str = "native",
    expires_at: int | None = None,
    actor: str | None = None,
) -> NewKey:
    """Make a key. Raises `Invalid` for an unknown scope or dialect, or an expiry that has passed."""
    if dialect == "bamboosnow" and "admin" in scopes:
        # The word means everything in one project there, and must not be kept as the one that means every project.
        scopes = sorted(BAMBOOSNOW)
    _check(tx, name, scopes, dialect, expires_at)
    secret = _secret(tx, dialect)
    key = _key(tx, project_id, secret, name=name, scopes=scopes, dialect=dialect, expires_at=expires_at)
    _keep(tx, key, actor)
    return NewKey(key=key, secret=secret)


def find_by_hash(tx: Tx, digest: str) -> Key | None:
    """The key whose secret hashes to this, revoked or expired ones too."""
    return sql.by_hash(tx, digest)


def get(tx: Tx, project_id: int, key_id: str, *, admins: bool = True) -> Key:
    """The key; without `admins` none of an admin's or of the server's. Raises `NotFound`."""
    key = sql.by_id(tx, project_id, key_id) if "\0" not in key_id else None
    if key is None or (not admins and not {"admin", AGENTS}.isdisjoint(key.scopes)):
        raise NotFound(f"there is no key {key_id[:64]!r} in this project")
    return key


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = 50) -> list[Key]:
    """The project's keys, newest first, from below the given id on."""
    return sql.page(tx, project_id, before=BEYOND if before is None else before, n=limit)


def page_by_time(
    tx: Tx, project_id: int, *, before: tuple[int, str] | None = None, limit: int = 50, admins: bool = True
) -> list[Key]:
    """The project's keys (without `admins` none of an admin's) made before that time and id, newest first."""
    return sql.page_by_time(tx, project_id, before=before or (FOREVER, BEYOND), n=limit, admins=admins)


def numbered(tx: Tx, project_id: int, *, offset: int, limit: int) -> Found:
    """The project's keys that are not revoked, none of an admin's, newest first, by number."""
    total = sql.count_live(tx, project_id)
    return Found(rows=sql.live(tx, project_id, offset=offset, n=limit) if offset < total else [], total=total)


def live(tx: Tx, project_id: int, key_id: str) -> Key:
    """The key, unless it is revoked or an admin's. Raises `NotFound`."""
    key = get(tx, project_id, key_id, admins=False)
    if key.revoked_at is not None:
        raise NotFound(f"the key {key_id[:64]!r} is revoked")
    return key


def end(tx: Tx, project_id: int, key_id: str, *, actor: str | None = None) -> None:
    """Revoke a key that is not yet. Raises `NotFound`."""
    revoke(tx, project_id, live(tx, project_id, key_id).id, actor=actor, admins=False)


def rotate(
    tx: Tx, project_id: int, key_id: str, *, grace: int, actor: str | None = None, admins: bool = True
) -> Rotation:
    """A key in the place of another: the old one is good for a grace period (microseconds) and names the new one.

    The new key may do the same and lives as long as the old one was meant to. Raises `NotFound`, `Invalid` for a grace
    period longer than a week, or `Conflict` for a key that has ended or has been replaced.
    """
    if not 0 <= grace <= LONGEST_GRACE:
        raise Invalid("the grace period goes from 0 to 10,080 minutes")
    old = sql.lock(tx, get(tx, project_id, key_id, admins=admins).id)
    if old is None:
        raise NotFound(f"there is no key {key_id[:64]!r} in this project")
    ended = old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= tx.now)
    if AGENTS in old.scopes:
        raise Conflict("this is the key of the server's own agents; the server makes them a new one when it starts")
    if ended or old.replaced_by is not None:
        raise Conflict(f"the key has {'ended' if ended else 'been replaced'} already; make a new one")
    dialect = old.dialect or "native"
    secret = _secret(tx, dialect)
    expires_at = None if old.expires_at is None else tx.now + old.expires_at - old.created_at
    made = _key(tx, project_id, secret, name=old.name, scopes=old.scopes, dialect=dialect, expires_at=expires_at)
    _keep(tx, made, actor)
    until = tx.now + grace if old.expires_at is None else min(old.expires_at, tx.now + grace)
    replaced = msgspec.structs.replace(old, replaced_by=made.id, expires_at=until)
    sql.replace(tx, replaced)
    _journal(tx, replaced, "key.rotated", actor)
    return Rotation(old=replaced, new=NewKey(key=made, secret=secret))


def revoke(tx: Tx, project_id: int, key_id: str, *, actor: str | None = None, admins: bool = True) -> Key:
    """End the key for good; revoking a revoked key changes nothing. Raises `NotFound`."""
    key = get(tx, project_id, key_id, admins=admins)
    if key.revoked_at is not None:
        return key
    sql.revoke(tx, key.id)
    _journal(tx, key, "key.revoked", actor)
    tx.wake("keys")
    return get(tx, project_id, key_id)


def renew_agents(tx: Tx, *, name: str) -> NewKey:
    """A fresh key for the built-in agents' worker; keys of that name that it had before end."""
    for key_id in sql.live_of_name(tx, DEFAULT, name):
        revoke(tx, DEFAULT, key_id)
    secret = _secret(tx, "native")
    scopes = ["runs:claim", AGENTS]
    key = _key(tx, DEFAULT, secret, name=name, scopes=scopes, dialect="native", expires_at=None)
    _keep(tx, key, None)
    return NewKey(key=key, secret=secret)


def touch(tx: Tx, key_id: str) -> None:
    """Note that the key is used; callers do so once a minute at most."""
    sql.touch(tx, key_id)


def ensure_admin(tx: Tx, secret: str | None = None) -> str | None:
    """Make the bootstrap admin key where it is missing: its secret if it was made now, else None.

    A given secret is made an admin key of its own beside others. Raises `Invalid` when it cannot be a key, `Conflict`
    when it is a key already that is revoked, expired or not an admin's.
    """
    if secret is None:
        if sql.has_admin(tx, DEFAULT):
            return None
        secret = _secret(tx, "native")
    elif not (16 <= len(secret) <= 512 and secret.isascii() and secret.isprintable() and " " not in secret):
        raise Invalid("an admin key has 16 to 512 printable ASCII characters and no spaces")
    known = sql.by_hash(tx, hash_of(secret))
    if known is not None:
        _check_admin(known, tx.now)
        return None
    _keep(tx, _key(tx, DEFAULT, secret, name="bootstrap", scopes=["admin"], dialect="native", expires_at=None), None)
    return secret


def hash_of(secret: str) -> str:
    """What is stored of a key: SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _secret(tx: Tx, dialect: str) -> str:
    # Two lease tokens are 384 bits of chance; their hash is as good a secret as 64 digits can be.
    return PREFIXES[dialect] + hash_of(tx.new_token() + tx.new_token())


def _key(
    tx: Tx, project_id: int, secret: str, *, name: str, scopes: Sequence[str], dialect: str, expires_at: int | None
) -> Key:
    return Key(
        id=tx.new_id(),
        project_id=DEFAULT if "admin" in scopes else project_id,
        name=name,
        # A short secret of somebody's own making must not be given away by what is kept to tell it by.
        prefix=secret[: min(PREFIX_OF.get(dialect, PREFIX), len(secret) // 3)],
        hash=hash_of(secret),
        scopes=tuple(sorted(set(scopes))),
        dialect=dialect,
        created_at=tx.now,
        expires_at=expires_at,
        revoked_at=None,
        last_used_at=None,
    )


def _keep(tx: Tx, key: Key, actor: str | None) -> None:
    sql.insert(tx, key)
    _journal(tx, key, "key.created", actor)
    # Whoever asked for this key a moment ago and was refused should be let in now.
    tx.wake("keys")


def _check(tx: Tx, name: str, scopes: Sequence[str], dialect: str, expires_at: int | None) -> None:
    if not name.strip() or len(name) > 128 or "\0" in name:
        raise Invalid("a key's name has 1 to 128 characters")
    if dialect not in PREFIXES:
        raise Invalid(f"{dialect[:64]!r} is not a dialect; there are {', '.join(PREFIXES)}")
    known = SCOPES | SPOKEN.get(dialect, frozenset())
    if not scopes and dialect not in SPOKEN:
        raise Invalid(f"a key needs at least one scope of {', '.join(sorted(known))}")
    unknown = sorted(set(scopes) - known)
    if unknown:
        raise Invalid(f"{unknown[0][:64]!r} is not a scope; there are {', '.join(sorted(known))}")
    if expires_at is not None and expires_at <= tx.now:
        raise Invalid("`expires_at` has passed already; give a later time, or none")


def _check_admin(key: Key, now: int) -> None:
    expired = key.expires_at is not None and key.expires_at <= now
    if key.revoked_at is not None or expired or "admin" not in key.scopes:
        flaw = "revoked" if key.revoked_at is not None else "expired" if expired else "not an admin's"
        raise Conflict(f"the admin key to begin with ({key.prefix}…) is {flaw}; set another")


def _journal(tx: Tx, key: Key, event: str, actor: str | None) -> None:
    data: dict[str, Any] = {"key_id": key.id, "name": key.name, "prefix": key.prefix, "scopes": key.scopes}
    tx.emit(JournalLine(key.project_id, None, event, actor, msgspec.json.encode(data).decode()))
