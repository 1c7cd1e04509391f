"""Key pairs by which the server signs what others check without asking it. Pure."""

from __future__ import annotations

import msgspec

CONNECTION = "connection"
"""The purpose of the keys that sign tokens of sandboxes."""
DAY = 24 * 3600 * 1_000_000
LONGEST_LIFE = 30 * DAY
"""How long anything that is signed may be good; a retired key is forgotten after that."""
MOST_KEYS = 100
"""How many keys of one purpose there may be at a time."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A key pair to keep: PEM both, the private key sealed."""

    sealed: str
    public: str


class SigningKey(msgspec.Struct, frozen=True, gc=False):
    """A key pair. Built from rows by position."""

    id: str
    """What signatures name it by."""
    purpose: str
    sealed: str
    """The private key, sealed."""
    public: str
    """The public key: SubjectPublicKeyInfo, PEM."""
    created_at: int
    retired_at: int | None
    """When another took its place; it still signs for those who know no other."""
