"""Agents by name (contract §28)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import agents as mapping
from runyard.dialects.agh.mapping.values import one_of, trimmed
from runyard.dialects.agh.wire import agents as wire
from runyard.domain.errors import Invalid
from runyard.engine import personas
from runyard.web.call import Call


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [list_agents, create_agent, get_agent]


@get("/api/agents", needs="task:read", tags=["agents"])
async def list_agents(call: Call, workspace: str | None = None) -> wire.AgentsAnswer:
    """All agents, as a workspace sees them where one is named."""
    found = await call.read(personas.seen_in, call.project_id, workspace=trimmed(workspace))
    return wire.AgentsAnswer(agents=[mapping.agent_out(one) for one in found])


@post("/api/agents", needs="task:write", status_code=201, tags=["agents"])
async def create_agent(call: Call, data: wire.CreateAgentRequest) -> wire.AgentAnswer:
    """Define an agent, for all workspaces or for one."""
    workspace = trimmed(data.workspace)
    if one_of("scope", data.scope, ("global", "workspace")) == "workspace":
        if workspace is None:
            raise Invalid("`workspace` must name the workspace of an agent of scope workspace")
    elif trimmed(data.scope) is None:
        raise Invalid("`scope` must be one of global, workspace")
    elif workspace is not None:
        raise Invalid("an agent of scope global has no workspace; leave `workspace` out")
    made = await call.write(
        personas.create,
        call.project_id,
        data.agent.name.strip(),
        mapping.definition_in(data.agent),
        workspace=workspace,
    )
    return wire.AgentAnswer(agent=mapping.agent_out(made))


@get("/api/agents/{name:str}", needs="task:read", tags=["agents"])
async def get_agent(call: Call, name: str, workspace: str | None = None) -> wire.AgentAnswer:
    """An agent, as a workspace sees it where one is named."""
    found = await call.read(personas.find, call.project_id, name, workspace=trimmed(workspace))
    return wire.AgentAnswer(agent=mapping.agent_out(found))
