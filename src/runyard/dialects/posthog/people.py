"""Who does something, to the timelines of tasks, and which ids the path names."""

from __future__ import annotations

import re

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.errors import NotFound
from runyard.web.call import Call

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def doer(call: Call, action: str) -> Doer:
    """Who calls: a person by a key, or the agent of a run by its token."""
    kind = "automation" if is_agent(call) else "human"
    return Doer(Actor(kind, call.actor), Origin("http", f"tasks.{action}"))


def is_agent(call: Call) -> bool:
    """Whether the agent of a run calls, by the token of its sandbox."""
    return call.actor.startswith("sandbox:")


def trusted(call: Call) -> bool:
    """Whether the caller is an operator, who may repoint sandboxes (contract §4.3)."""
    return call.may("admin")


def own(text: str, what: str) -> str:
    """An id of the path in its one form: lowercase with hyphens. Raises `NotFound` for any other."""
    found = text.lower()
    if _UUID(found) is None:
        raise NotFound(f"there is no {what} {text[:64]!r}; ids are UUIDs")
    return found
