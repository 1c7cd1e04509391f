"""Personas: what an agent is called and what it is told, known everywhere or in one workspace. Pure."""

from __future__ import annotations

import re

import msgspec

from runyard.domain.errors import Invalid
from runyard.domain.records import Json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}").fullmatch
_CAPABILITY = re.compile(r"[^\s,\x00]+").fullmatch
MOST_CAPABILITIES = 64
LONGEST_CAPABILITY = 128


class Definition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent is."""

    provider: str = ""
    command: str = ""
    model: str = ""
    reasoning_effort: str = ""
    tools: tuple[str, ...] = ()
    toolsets: tuple[str, ...] = ()
    deny_tools: tuple[str, ...] = ()
    permissions: str = ""
    category: tuple[str, ...] = ()
    disabled_skills: tuple[str, ...] | None = None
    capabilities: tuple[str, ...] = ()
    """What its sessions can do, besides what each says of itself."""
    prompt: str = ""


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """An agent by name."""

    project_id: int
    workspace_id: str
    """'' for one that is known in all workspaces."""
    name: str
    definition: Json
    created_at: int
    updated_at: int


def agent_named(name: str) -> str:
    """The name, if it can be an agent's. Raises `Invalid`."""
    if _NAME(name) is None:
        raise Invalid("an agent's name has 1 to 128 of A-Z, a-z, 0-9, ., _ and -, and begins with a letter or digit")
    return name


def capable(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    """The capabilities, each once and in order. Raises `Invalid`."""
    if len(capabilities) > MOST_CAPABILITIES:
        raise Invalid(f"there may be at most {MOST_CAPABILITIES} capabilities")
    for one in capabilities:
        if _CAPABILITY(one) is None or len(one.encode()) > LONGEST_CAPABILITY:
            raise Invalid(f"a capability has 1 to {LONGEST_CAPABILITY} bytes without blanks and commas")
    return tuple(sorted(set(capabilities)))
