"""Workspaces: places in which agents work, each with tasks, sessions and channels of its own. Pure."""

from __future__ import annotations

import re
from uuid import UUID

import msgspec

from runyard.domain.records import Json

_ID = re.compile(r"(?:[a-z]+-)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})", re.I).fullmatch


class WorkspaceSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What agents are told of a workspace."""

    extra_dirs: tuple[str, ...] = ()
    """Further places that belong to it."""
    default_agent: str = ""
    sandbox: str = ""


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """A place in which agents work."""

    id: str
    project_id: int
    name: str
    root_dir: str
    """Where agents find it; the server itself never looks there."""
    settings: Json
    """`WorkspaceSettings`."""
    created_at: int
    updated_at: int


def id_in(text: str) -> str | None:
    """The id that the text is, with or without dashes and a word before it; None where it can be none."""
    found = _ID(text)
    return None if found is None else str(UUID(found[1]))
