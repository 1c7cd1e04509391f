"""Workspaces on the wire (contract §28). Pure."""

from __future__ import annotations

from typing import Any

from runyard.dialects.agh.mapping.values import instant, shown
from runyard.dialects.agh.wire import workspaces as wire
from runyard.domain.errors import Invalid
from runyard.domain.workspaces import Workspace, WorkspaceSettings
from runyard.engine import workspaces
from runyard.engine.workspaces import NewWorkspace


def workspace_in(data: wire.CreateWorkspaceRequest) -> NewWorkspace:
    """A workspace to make."""
    return NewWorkspace(
        root_dir=data.root_dir,
        name=data.name,
        settings=WorkspaceSettings(
            extra_dirs=_dirs(data.add_dirs),
            default_agent=data.default_agent.strip(),
            sandbox=data.sandbox_ref.strip(),
        ),
    )


def changes_in(data: wire.UpdateWorkspaceRequest) -> dict[str, Any]:
    """What is to change of a workspace; null is as good as not being said. Raises `Invalid` when that is nothing."""
    said: dict[str, Any] = {}
    if isinstance(data.name, str):
        said["name"] = data.name
    if isinstance(data.add_dirs, list):
        said["extra_dirs"] = _dirs(data.add_dirs)
    if isinstance(data.default_agent, str):
        said["default_agent"] = data.default_agent.strip()
    if isinstance(data.sandbox_ref, str):
        said["sandbox"] = data.sandbox_ref.strip()
    if not said:
        raise Invalid("say what is to change: `name`, `add_dirs`, `default_agent` or `sandbox_ref`")
    return said


def workspace_out(workspace: Workspace) -> wire.Workspace:
    """A workspace."""
    settings = workspaces.settings_of(workspace)
    return wire.Workspace(
        id=shown("ws", workspace.id),
        root_dir=workspace.root_dir,
        add_dirs=list(settings.extra_dirs),
        name=workspace.name,
        created_at=instant(workspace.created_at),
        updated_at=instant(workspace.updated_at),
        default_agent=settings.default_agent,
        sandbox_ref=settings.sandbox,
    )


def answer_out(workspace: Workspace) -> wire.WorkspaceAnswer:
    """A workspace as the answer."""
    return wire.WorkspaceAnswer(workspace=workspace_out(workspace))


def _dirs(paths: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path.strip() for path in paths if path.strip()))
