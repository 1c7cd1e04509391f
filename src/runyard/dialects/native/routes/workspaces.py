"""Workspaces, and agents by name: where work is done, and by whom. Sessions need no definition of their agent."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from runyard.dialects.native.mapping import workspaces as mapping
from runyard.dialects.native.wire import Page
from runyard.dialects.native.wire import workspaces as wire
from runyard.engine import personas, workspaces
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply

Place = Annotated[
    str | None,
    QueryParameter(name="workspace_id", max_length=128, description="The workspace it is known in; all without one."),
]


@get("/v1/workspaces", needs="task:read")
async def list_workspaces(call: Call, limit: Limit = 50, cursor: Cursor = None) -> Page[wire.Workspace]:
    """The workspaces, newest first."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(workspaces.page, call.project_id, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return Page(data=[mapping.workspace_out(row) for row in shown], next_cursor=more)


@post("/v1/workspaces", needs="task:write", status_code=201)
async def create_workspace(call: Call, data: wire.WorkspaceIn) -> Reply[wire.Workspace]:
    """Make a workspace; 409 for a name or root directory that is taken."""
    return await call.answer(mapping.workspace_out, workspaces.create, call.project_id, mapping.workspace_in(data))


@get("/v1/workspaces/{workspace_id:str}", needs="task:read")
async def get_workspace(call: Call, workspace_id: str) -> wire.Workspace:
    """A workspace, by its id or its name."""
    return mapping.workspace_out(await call.read(workspaces.find, call.project_id, workspace_id))


@patch("/v1/workspaces/{workspace_id:str}", needs="task:write", status_code=200)
async def update_workspace(call: Call, workspace_id: str, data: wire.WorkspacePatch) -> Reply[wire.Workspace]:
    """Change what is named of a workspace."""
    changes = mapping.changes_in(data)
    return await call.answer(mapping.workspace_out, workspaces.update, call.project_id, workspace_id, changes)


@delete("/v1/workspaces/{workspace_id:str}", needs="task:write", status_code=204)
async def delete_workspace(call: Call, workspace_id: str) -> None:
    """Delete a workspace that has no tasks, and no sessions that have not stopped."""
    await call.write(workspaces.delete, call.project_id, workspace_id)


@get("/v1/personas", needs="task:read")
async def list_personas(
    call: Call, workspace: Place = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[wire.Persona]:
    """The agents defined for a workspace alone, or for all of them, by name."""
    (after,) = place(cursor, tuple[str]) or ("",)
    rows = await call.read(personas.page, call.project_id, workspace=workspace, after=after, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.name))
    return Page(data=[mapping.persona_out(row) for row in shown], next_cursor=more)


@post("/v1/personas", needs="task:write", status_code=201)
async def create_persona(call: Call, data: wire.NewPersona) -> Reply[wire.Persona]:
    """Define an agent, for all workspaces or for one; 409 for a name that is taken there."""
    return await call.answer(
        mapping.persona_out,
        personas.create,
        call.project_id,
        data.name,
        mapping.definition_in(data),
        workspace=data.workspace_id,
    )


@get("/v1/personas/{name:str}", needs="task:read")
async def get_persona(call: Call, name: str, workspace: Place = None) -> wire.Persona:
    """An agent, as the workspace sees it: its own of that name first."""
    return mapping.persona_out(await call.read(personas.find, call.project_id, name, workspace=workspace))


@put("/v1/personas/{name:str}", needs="task:write", status_code=200)
async def redefine_persona(call: Call, name: str, data: wire.PersonaIn, workspace: Place = None) -> Reply[wire.Persona]:
    """Define an agent anew; sessions that are there stay as they are."""
    definition = mapping.definition_in(data)
    return await call.answer(
        mapping.persona_out, personas.redefine, call.project_id, name, definition, workspace=workspace
    )


@delete("/v1/personas/{name:str}", needs="task:write", status_code=204)
async def delete_persona(call: Call, name: str, workspace: Place = None) -> None:
    """Forget the definition of an agent."""
    await call.write(personas.delete, call.project_id, name, workspace=workspace)


HANDLERS: list[HTTPRouteHandler] = [
    list_workspaces,
    create_workspace,
    get_workspace,
    update_workspace,
    delete_workspace,
    list_personas,
    create_persona,
    get_persona,
    redefine_persona,
    delete_persona,
]
