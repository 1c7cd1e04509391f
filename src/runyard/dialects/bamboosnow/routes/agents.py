"""Agents as their public page has them (contract §5)."""

from __future__ import annotations

from typing import Any

from litestar import delete, get, patch, post

from runyard.dialects.bamboosnow.house import House
from runyard.dialects.bamboosnow.mapping import agents as mapping
from runyard.dialects.bamboosnow.mapping.values import place, read
from runyard.dialects.bamboosnow.wire import agents as wire
from runyard.engine import agent_queries, agents
from runyard.web.call import Call
from runyard.web.reply import Reply


@get("/v1/agents", needs="read", tags=["Agents"])
async def list_agents(
    call: Call,
    repository_id: str | None = None,
    template: str | None = None,
    status: str | None = None,
    page: str | None = None,
    per_page: str | None = None,
) -> wire.AgentList:
    """The agents that are active, paused or in error, newest first."""
    at, wanted = place(page, per_page), mapping.wanted_in(repository_id, template, status)
    found = await call.read(agent_queries.page, call.project_id, wanted, offset=at.offset, limit=at.per_page)
    return mapping.page_out(found, at)


@post("/v1/agents", needs="agents:configure", status_code=201, tags=["Agents"])
async def create_agent(call: Call, data: wire.AgentWrite) -> Reply[wire.AgentDetail]:
    """Make an agent, active at once."""
    return await call.answer(
        mapping.detail_out,
        agent_queries.detail_after,
        agents.create,
        call.project_id,
        mapping.new_agent(data),
        actor=call.actor,
    )


@get("/v1/agents/{agent_id:str}", needs="read", tags=["Agents"])
async def get_agent(call: Call, agent_id: str) -> wire.AgentDetail:
    """An agent, and how its runs did."""
    return mapping.detail_out(await call.read(agent_queries.detail, call.project_id, read("agent", agent_id)))


@patch("/v1/agents/{agent_id:str}", needs="agents:configure", status_code=200, tags=["Agents"])
async def update_agent(call: Call, agent_id: str, data: wire.AgentPatch) -> wire.AgentDetail:
    """Change what is named of an agent."""
    found = await call.write(
        agent_queries.detail_after,
        agents.update,
        call.project_id,
        read("agent", agent_id),
        mapping.patch_in(data),
        actor=call.actor,
    )
    return mapping.detail_out(found)


@delete("/v1/agents/{agent_id:str}", needs="agents:configure", status_code=204, tags=["Agents"])
async def delete_agent(call: Call, agent_id: str) -> None:
    """Delete an agent; its runs stay, and those under way go on."""
    await call.write(agents.delete, call.project_id, read("agent", agent_id), actor=call.actor)


def handlers(house: House) -> list[Any]:
    """All routes of this module."""
    roots = house.settings.readable_folders

    @post("/v1/agents/{agent_id:str}/run", needs="agents:run", status_code=200, tags=["Agents"])
    async def run_agent(call: Call, agent_id: str, data: dict[str, Any] | None = None) -> Reply[wire.Asked]:
        """Ask an agent for a run; the body, if there is one, is its payload."""
        return await call.answer(
            mapping.asked_out,
            agents.ask,
            call.project_id,
            read("agent", agent_id),
            payload=await payload_in(call, data),
            roots=roots,
            actor=call.actor,
        )

    return [list_agents, create_agent, get_agent, update_agent, delete_agent, run_agent]


async def payload_in(call: Call, data: dict[str, Any] | None) -> str:
    """The payload as it was written, an empty object for no body."""
    return "{}" if data is None else (await call.request.body()).decode()
