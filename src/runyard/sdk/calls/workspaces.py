"""Requests about workspaces."""

from __future__ import annotations

from typing import Unpack

from runyard.sdk import models
from runyard.sdk.call import Call, get, query, segment, send
from runyard.sdk.task_fields import WorkspaceChanges


def create(root_dir: str, **fields: Unpack[WorkspaceChanges]) -> Call[models.Workspace]:
    """Make a workspace, named as the last part of its root directory unless said otherwise."""
    return send("POST", "/workspaces", models.Workspace, {"root_dir": root_dir, **fields})


def list_all(*, limit: int | None = None) -> Call[models.Page[models.Workspace]]:
    """Workspaces, newest first."""
    return get("/workspaces", models.Page[models.Workspace], query(limit=limit))


def read(workspace: str) -> Call[models.Workspace]:
    """One workspace, by id or name."""
    return get(f"/workspaces/{segment(workspace)}", models.Workspace)


def update(workspace: str, **changes: Unpack[WorkspaceChanges]) -> Call[models.Workspace]:
    """Change what is given."""
    return send("PATCH", f"/workspaces/{segment(workspace)}", models.Workspace, changes)


def delete(workspace: str) -> Call[None]:
    """Delete a workspace that has no tasks, and no sessions that have not stopped."""
    return send("DELETE", f"/workspaces/{segment(workspace)}", None)
