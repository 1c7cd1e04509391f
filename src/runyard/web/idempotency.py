"""`Idempotency-Key`: an operation, its shaped reply and the stored answer commit in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from runyard.domain.errors import Conflict, IdempotencyMismatch, Invalid, Raced
from runyard.storage.port import Tx
from runyard.storage.statements import replies
from runyard.storage.statements.replies import StoredReply
from runyard.web.reply import encode

MAX_KEY = 255

T = TypeVar("T")
R = TypeVar("R")


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """A shaped reply with a status other than the route's."""

    body: T
    status: int


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What makes two requests the same one."""

    project_id: int
    key_hash: str
    route: str
    body_hash: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """An encoded reply, made now or long ago."""

    status: int
    body: bytes
    replayed: bool


def key_of(text: str) -> str:
    """The key in the header, which may be a quoted string. Raises `Invalid`."""
    key = text.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key or len(key) > MAX_KEY or not key.isascii() or not key.isprintable():
        raise Invalid(f"the Idempotency-Key must be 1 to {MAX_KEY} printable ASCII characters")
    return key


def stamp(project_id: int, key: str, *, route: str, path: str, query: bytes, body: bytes) -> Stamp:
    """The stamp of a request: its key on this route, and a hash of everything else that matters."""
    digest = hashlib.sha256()
    for part in (path.encode(), query, body):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return Stamp(
        project_id=project_id,
        key_hash=hashlib.sha256(key.encode()).hexdigest(),
        route=route,
        body_hash=digest.hexdigest(),
    )


def once(
    tx: Tx, mark: Stamp, status: int, shape: Callable[[R], Any], op: Callable[..., R], args: Any, kwargs: Any
) -> Outcome:
    """Do it and store the answer, or give the answer stored before.

    Raises `IdempotencyMismatch` for another request under the same key, `Raced` when an equal one just came first.
    """
    if (stored := _stored(tx, mark)) is not None:
        return stored
    try:
        done = op(tx, *args, **kwargs)
    except Conflict:
        # An equal request may have been written between the look above and here: then its answer is this one's.
        if (stored := _stored(tx, mark)) is not None:
            return stored
        raise
    status, body = encoded(shape(done), status)
    reply = StoredReply(body_hash=mark.body_hash, status=status, body=body.decode())
    if not replies.keep(tx, mark.project_id, mark.key_hash, mark.route, reply=reply):
        raise Raced("a request with this Idempotency-Key is being worked on; ask again in a moment")
    return Outcome(status=status, body=body, replayed=False)


def _stored(tx: Tx, mark: Stamp) -> Outcome | None:
    found = replies.find(tx, mark.project_id, mark.key_hash, mark.route)
    if found is None:
        return None
    if found.body_hash != mark.body_hash:
        raise IdempotencyMismatch
    return Outcome(status=found.status, body=found.body.encode(), replayed=True)


def encoded(shaped: Any, status: int) -> tuple[int, bytes]:
    """Status and bytes of a shaped reply."""
    if isinstance(shaped, Answer):
        status, shaped = shaped.status, shaped.body
    return status, b"" if status == 204 else encode(shaped)
