"""Shapes of workspaces (contract §28). Fields with a default are left out where they have it."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from runyard.dialects.agh.wire.agents import Agent
from runyard.dialects.agh.wire.sessions import Session


class CreateWorkspaceRequest(msgspec.Struct, kw_only=True):
    """A workspace to make."""

    root_dir: str
    name: str = ""
    add_dirs: list[str] = []
    default_agent: str = ""
    sandbox_ref: str = ""


class UpdateWorkspaceRequest(msgspec.Struct, kw_only=True):
    """What is to change of a workspace."""

    name: str | None | UnsetType = UNSET
    add_dirs: list[str] | None | UnsetType = UNSET
    default_agent: str | None | UnsetType = UNSET
    sandbox_ref: str | None | UnsetType = UNSET


class ResolveWorkspaceRequest(msgspec.Struct, kw_only=True):
    """A place whose workspace is wanted."""

    path: str


class Workspace(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A workspace."""

    id: str
    root_dir: str
    add_dirs: list[str]
    name: str
    created_at: str
    updated_at: str
    default_agent: str = ""
    sandbox_ref: str = ""


class WorkspaceAnswer(msgspec.Struct, kw_only=True):
    """A workspace."""

    workspace: Workspace


class WorkspacesAnswer(msgspec.Struct, kw_only=True):
    """Workspaces."""

    workspaces: list[Workspace]


class WorkspaceDetail(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A workspace with who works there."""

    workspace: Workspace
    sessions: list[Session] = []
    agents: list[Agent] = []
