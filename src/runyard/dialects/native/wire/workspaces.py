"""Workspaces, and agents by name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runyard.dialects.native.wire.values import Name

Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Names = Annotated[list[Annotated[str, Meta(min_length=1, max_length=256)]], Meta(max_length=256)]
Capabilities = Annotated[list[Annotated[str, Meta(min_length=1, max_length=128)]], Meta(max_length=64)]
Word = Annotated[str, Meta(max_length=128)]


class WorkspaceIn(msgspec.Struct, kw_only=True):
    """A workspace to make."""

    root_dir: Path
    """Where agents find it; the server never looks there."""
    name: Word = ""
    """The last part of the root directory where none is given."""
    extra_dirs: Annotated[list[Path], Meta(max_length=64)] = []
    default_agent: Word = ""
    sandbox: Word = ""


class WorkspacePatch(msgspec.Struct, kw_only=True):
    """What is to change of a workspace."""

    name: Name | UnsetType = UNSET
    extra_dirs: Annotated[list[Path], Meta(max_length=64)] | UnsetType = UNSET
    default_agent: Word | UnsetType = UNSET
    sandbox: Word | UnsetType = UNSET


class Workspace(msgspec.Struct, kw_only=True):
    """A place in which agents work."""

    id: str
    name: str
    root_dir: str
    extra_dirs: list[str]
    default_agent: str
    sandbox: str
    created_at: datetime
    updated_at: datetime


class PersonaIn(msgspec.Struct, kw_only=True):
    """What an agent is."""

    provider: Word = ""
    command: Annotated[str, Meta(max_length=4096)] = ""
    model: Word = ""
    reasoning_effort: Word = ""
    tools: Names = []
    toolsets: Names = []
    deny_tools: Names = []
    permissions: Word = ""
    category: Names = []
    disabled_skills: Names = []
    capabilities: Capabilities = []
    """What its sessions can do, besides what each says of itself."""
    prompt: Annotated[str, Meta(max_length=200_000)] = ""


class NewPersona(PersonaIn, kw_only=True):
    """An agent to define."""

    name: Name
    workspace_id: Annotated[str, Meta(max_length=128)] | None = None
    """Where it is known; everywhere without one."""


class Persona(msgspec.Struct, kw_only=True):
    """An agent by name."""

    name: str
    workspace_id: str | None
    provider: str
    command: str
    model: str
    reasoning_effort: str
    tools: list[str]
    toolsets: list[str]
    deny_tools: list[str]
    permissions: str
    category: list[str]
    disabled_skills: list[str]
    capabilities: list[str]
    prompt: str
    created_at: datetime
    updated_at: datetime
