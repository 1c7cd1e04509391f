"""Workspaces, and agents by name."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.dialects.native.mapping.values import when
from runyard.dialects.native.wire import workspaces as wire
from runyard.domain.errors import Invalid
from runyard.domain.personas import Definition, Persona
from runyard.domain.workspaces import Workspace, WorkspaceSettings
from runyard.engine import personas, workspaces
from runyard.engine.workspaces import NewWorkspace

_TUPLES = ("tools", "toolsets", "deny_tools", "category", "disabled_skills", "capabilities")


def workspace_in(data: wire.WorkspaceIn) -> NewWorkspace:
    """A workspace to make."""
    settings = WorkspaceSettings(
        extra_dirs=tuple(data.extra_dirs), default_agent=data.default_agent, sandbox=data.sandbox
    )
    return NewWorkspace(root_dir=data.root_dir, name=data.name, settings=settings)


def changes_in(data: wire.WorkspacePatch) -> dict[str, Any]:
    """What is to change of a workspace. Raises `Invalid` when that is nothing."""
    said = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    if not said:
        raise Invalid("say what is to change: name, extra_dirs, default_agent or sandbox")
    return said | ({"extra_dirs": tuple(said["extra_dirs"])} if "extra_dirs" in said else {})


def workspace_out(workspace: Workspace) -> wire.Workspace:
    """A workspace."""
    settings = workspaces.settings_of(workspace)
    return wire.Workspace(
        id=workspace.id,
        name=workspace.name,
        root_dir=workspace.root_dir,
        extra_dirs=list(settings.extra_dirs),
        default_agent=settings.default_agent,
        sandbox=settings.sandbox,
        created_at=when(workspace.created_at),
        updated_at=when(workspace.updated_at),
    )


def definition_in(data: wire.PersonaIn) -> Definition:
    """What an agent is."""
    said = {name: getattr(data, name) for name in wire.PersonaIn.__struct_fields__}
    return Definition(**said | {name: tuple(said[name]) for name in _TUPLES})


def persona_out(persona: Persona) -> wire.Persona:
    """An agent."""
    said = msgspec.structs.asdict(personas.definition_of(persona))
    return wire.Persona(
        name=persona.name,
        workspace_id=persona.workspace_id or None,
        created_at=when(persona.created_at),
        updated_at=when(persona.updated_at),
        **said | {name: list(said[name] or ()) for name in _TUPLES},
    )
