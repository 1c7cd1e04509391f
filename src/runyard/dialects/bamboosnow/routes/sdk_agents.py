"""Agents as the SDK sees them (contract §5, §6)."""

from __future__ import annotations

from typing import Any

from litestar import delete, get, patch, post

from runyard.dialects.bamboosnow.house import House
from runyard.dialects.bamboosnow.mapping import sdk_agents as mapping
from runyard.dialects.bamboosnow.mapping.values import place, read
from runyard.dialects.bamboosnow.routes.agents import payload_in
from runyard.dialects.bamboosnow.wire import sdk_agents as wire
from runyard.domain import templates
from runyard.engine import agent_health, agent_queries, agents
from runyard.web.call import Call
from runyard.web.reply import Reply
from runyard.web.slugs import slug_of

_TAGS = ["SDK: agents"]


@get("/api/v1/agents", needs="read", tags=_TAGS)
async def list_agents(
    call: Call,
    page: str | None = None,
    per_page: str | None = None,
    status: str | None = None,
    repository_id: str | None = None,
    project_id: str | None = None,
) -> wire.SdkAgentPage:
    """The agents of the key's project in any status, newest first."""
    slug = await slug_of(call)
    here = project_id in {None, slug, str(call.project_id)}
    at, wanted = place(page, per_page), mapping.wanted_in(status, repository_id, here=here)
    found = await call.read(agent_queries.page, call.project_id, wanted, offset=at.offset, limit=at.per_page)
    return mapping.page_out(found, at, slug)


@get("/api/v1/agents/templates", needs="read", tags=_TAGS)
async def list_templates(call: Call) -> list[wire.SdkAgentTemplate]:
    """What agents can be made from."""
    return [mapping.template_out(one) for one in templates.TEMPLATES.values()]


@get("/api/v1/agents/templates/{slug:str}", needs="read", tags=_TAGS)
async def get_template(call: Call, slug: str) -> wire.SdkAgentTemplate:
    """One template."""
    return mapping.template_out(templates.template(slug))


@get("/api/v1/agents/{agent_id:str}", needs="read", tags=_TAGS)
async def get_agent(call: Call, agent_id: str) -> wire.SdkAgent:
    """An agent."""
    found = await call.read(agent_queries.standing, call.project_id, read("agent", agent_id))
    return mapping.agent_out(found, await slug_of(call))


@patch("/api/v1/agents/{agent_id:str}", needs="agents:configure", status_code=200, tags=_TAGS)
async def update_agent(call: Call, agent_id: str, data: wire.SdkAgentPatch) -> wire.SdkAgent:
    """Change what is named of an agent; what a list of triggers cannot say of one stays."""
    found = await call.write(
        agent_queries.standing_after,
        agents.update,
        call.project_id,
        read("agent", agent_id),
        mapping.patch_in(data),
        actor=call.actor,
    )
    return mapping.agent_out(found, await slug_of(call))


@delete("/api/v1/agents/{agent_id:str}", needs="agents:configure", status_code=204, tags=_TAGS)
async def delete_agent(call: Call, agent_id: str) -> None:
    """Delete an agent; its runs stay, and those under way go on."""
    await call.write(agents.delete, call.project_id, read("agent", agent_id), actor=call.actor)


@post("/api/v1/agents/{agent_id:str}/pause", needs="agents:configure", status_code=200, tags=_TAGS)
async def pause_agent(call: Call, agent_id: str) -> wire.SdkAgent:
    """Have a deployed agent take no runs until it is resumed."""
    return await _moved(call, agent_id, "pause")


@post("/api/v1/agents/{agent_id:str}/resume", needs="agents:configure", status_code=200, tags=_TAGS)
async def resume_agent(call: Call, agent_id: str) -> wire.SdkAgent:
    """Have a paused agent take runs again."""
    return await _moved(call, agent_id, "resume")


@post("/api/v1/agents/{agent_id:str}/archive", needs="agents:configure", status_code=200, tags=_TAGS)
async def archive_agent(call: Call, agent_id: str) -> wire.SdkAgent:
    """Have an agent take no runs for good."""
    return await _moved(call, agent_id, "archive")


async def _moved(call: Call, agent_id: str, verb: str) -> wire.SdkAgent:
    found = await call.write(
        agent_queries.standing_after, agents.move, call.project_id, read("agent", agent_id), verb, actor=call.actor
    )
    return mapping.agent_out(found, await slug_of(call))


@get("/api/v1/agents/{agent_id:str}/health", needs="read", tags=_TAGS)
async def get_health(call: Call, agent_id: str) -> wire.SdkAgentHealth:
    """How well an agent did in the last 30 days."""
    return mapping.health_out(await call.read(agent_health.health, call.project_id, read("agent", agent_id)))


def handlers(house: House) -> list[Any]:
    """All routes of this module."""
    roots = house.settings.readable_folders

    @post("/api/v1/agents/{agent_id:str}/trigger", needs="agents:run", status_code=200, tags=_TAGS)
    async def trigger_agent(call: Call, agent_id: str, data: dict[str, Any] | None = None) -> Reply[wire.Triggered]:
        """Ask an agent for a run; the body, if there is one, is its payload."""
        return await call.answer(
            mapping.triggered_out,
            agents.ask,
            call.project_id,
            read("agent", agent_id),
            payload=await payload_in(call, data),
            roots=roots,
            actor=call.actor,
        )

    return [
        list_agents,
        list_templates,
        get_template,
        get_agent,
        update_agent,
        delete_agent,
        get_health,
        pause_agent,
        resume_agent,
        archive_agent,
        trigger_agent,
    ]
