"""Who does something to tasks, as the native API knows them: whoever holds the key."""

from __future__ import annotations

from runyard.domain.actors import Actor, Doer, Origin
from runyard.web.call import Call


def doer(call: Call, action: str) -> Doer:
    """The caller; `action` says what was asked for."""
    return Doer(Actor("human", call.actor), Origin("http", f"tasks.{action}"))
