"""What a key may do: scopes and which of them include others."""

from __future__ import annotations

from functools import lru_cache

from runyard.engine.keys import AGENTS, SCOPES

__all__ = ["AGENTS", "INCLUDES", "SCOPES", "expand"]

INCLUDES = {  # scope: what it grants besides itself
    "task:write": frozenset({"task:read"}),
    "runs:write": frozenset({"runs:read"}),
    "admin": SCOPES,
}


@lru_cache(1024)
def expand(scopes: tuple[str, ...]) -> frozenset[str]:
    """The scopes with everything they include; `*`, or no scope at all, is everything but `admin`.

    Keys of other dialects may have scopes in their words: those that are ours too mean the same, others nothing.
    """
    if not scopes or "*" in scopes:
        return SCOPES - {"admin"} if "admin" not in scopes else SCOPES
    granted: set[str] = set()
    for scope in scopes:
        if scope in SCOPES or scope == AGENTS:
            granted.add(scope)
        granted |= INCLUDES.get(scope, frozenset())
    return frozenset(granted)
