"""Who calls, and what they may do in the words of this dialect (contract §2)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.engine.keys import BAMBOOSNOW
from runyard.streams.asgi import Scope
from runyard.web.auth import Identity, KeyAuth
from runyard.web.scopes import expand

ADMIN = "admin"
"""Everything in one project. It is kept with a key as the scopes it stands for."""
SCOPES = BAMBOOSNOW | {ADMIN}
NATIVE = {  # what keys made for other dialects may do here
    "runs:read": frozenset({"read"}),
    "runs:write": frozenset({"read", "write", "agents:run"}),
    "jobs:write": frozenset({"agents:configure", "repositories:manage"}),
}


def spoken(scopes: Sequence[str], dialect: str | None) -> frozenset[str]:
    """What a key with these scopes, made for a dialect, may do here."""
    if "admin" in scopes:
        return SCOPES
    if dialect != "bamboosnow":
        return frozenset[str]().union(*(NATIVE.get(scope, frozenset()) for scope in expand(tuple(scopes))))
    found = BAMBOOSNOW if not scopes or "*" in scopes else frozenset(scopes) & BAMBOOSNOW
    if "write" in found:
        found |= {"read"}
    return found | {ADMIN} if "keys:manage" in found else found


class BambooSnowAuth:
    """Finds out who calls by their key."""

    def __init__(self, keys: KeyAuth) -> None:
        self.keys = KeyAuth(keys.keyring, keys.find_project, dialect="bamboosnow", anonymous=keys.anonymous)

    async def __call__(self, scope: Scope) -> Identity:
        """Who calls. Raises `Unauthorized` or `NotFound`."""
        identity = await self.keys(scope)
        key = identity.key
        scopes = SCOPES - {ADMIN} if key is None else spoken(key.scopes, key.dialect)
        return msgspec.structs.replace(identity, scopes=scopes)
