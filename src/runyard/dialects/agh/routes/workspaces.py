"""Workspaces (contract §28)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import delete, get, patch, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import workspaces as mapping
from runyard.dialects.agh.mapping.agents import agent_out
from runyard.dialects.agh.mapping.sessions import session_out
from runyard.dialects.agh.mapping.values import limit as limit_of
from runyard.dialects.agh.wire import workspaces as wire
from runyard.domain.personas import Persona
from runyard.domain.sessions import Session
from runyard.domain.workspaces import Workspace
from runyard.engine import personas, session_lists, workspaces
from runyard.storage.port import Tx
from runyard.web.call import Call

MOST = 1000
"""The longest list of workspaces, and of sessions in one."""


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [
        list_workspaces,
        create_workspace,
        resolve_workspace,
        get_workspace,
        update_workspace,
        delete_workspace,
    ]


@get("/api/workspaces", needs="task:read", tags=["workspaces"])
async def list_workspaces(call: Call, limit: str | None = None) -> wire.WorkspacesAnswer:
    """The workspaces, newest first; 1000 at most."""
    found = await call.read(workspaces.page, call.project_id, limit=min(limit_of(limit) or MOST, MOST))
    return wire.WorkspacesAnswer(workspaces=[mapping.workspace_out(one) for one in found])


@post("/api/workspaces", needs="task:write", status_code=201, tags=["workspaces"])
async def create_workspace(call: Call, data: wire.CreateWorkspaceRequest) -> wire.WorkspaceAnswer:
    """Make a workspace. Its root directory tells agents where to work; the server never looks there."""
    made = await call.write(workspaces.create, call.project_id, mapping.workspace_in(data))
    return mapping.answer_out(made)


@post("/api/workspaces/resolve", needs="task:write", status_code=200, tags=["workspaces"])
async def resolve_workspace(call: Call, data: wire.ResolveWorkspaceRequest) -> wire.WorkspaceAnswer:
    """The workspace at a place, made where there is none."""
    return mapping.answer_out(await call.write(workspaces.resolve_or_create, call.project_id, data.path))


@get("/api/workspaces/{id:str}", needs="task:read", tags=["workspaces"])
async def get_workspace(call: Call, id: str) -> wire.WorkspaceDetail:
    """A workspace by id, name or root directory, with its agents and with the sessions that have not stopped."""
    workspace, here, agents = await call.read(_detail, call.project_id, id)
    return wire.WorkspaceDetail(
        workspace=mapping.workspace_out(workspace),
        sessions=[session_out(one, workspace) for one in here],
        agents=[agent_out(one) for one in agents],
    )


@patch("/api/workspaces/{id:str}", needs="task:write", status_code=200, tags=["workspaces"])
async def update_workspace(call: Call, id: str, data: wire.UpdateWorkspaceRequest) -> wire.WorkspaceAnswer:
    """Change what is named of a workspace."""
    changes = mapping.changes_in(data)
    return mapping.answer_out(await call.write(workspaces.update, call.project_id, id, changes))


@delete("/api/workspaces/{id:str}", needs="task:write", status_code=204, tags=["workspaces"])
async def delete_workspace(call: Call, id: str) -> None:
    """Delete a workspace that has no tasks, and no sessions that have not stopped."""
    await call.write(workspaces.delete, call.project_id, id)


def _detail(tx: Tx, project_id: int, text: str) -> tuple[Workspace, list[Session], list[Persona]]:
    workspace = workspaces.find(tx, project_id, text)
    here = session_lists.page(tx, project_id, workspace_id=workspace.id, live=True, limit=MOST)
    return workspace, here, personas.seen_in(tx, project_id, workspace=workspace.id)
