"""Agents: jobs with a profile, and the templates they are made from."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from runyard.dialects.native import mapping
from runyard.dialects.native import wire as native
from runyard.dialects.native.mapping import agents as shapes
from runyard.dialects.native.wire import agents as wire
from runyard.domain import templates
from runyard.domain.records import Run
from runyard.engine import agent_health, agent_queries, agents
from runyard.engine.agent_queries import Standing
from runyard.settings import Settings
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply
from runyard.web.slugs import slug_of

State = Annotated[wire.AgentState | None, QueryParameter(name="state", description="Only agents that stand so.")]


@get("/v1/agents", needs="runs:read")
async def list_agents(
    call: Call,
    template: str | None = None,
    repository_id: str | None = None,
    in_state: State = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> native.Page[wire.Agent]:
    """The project's agents, newest first; deleted ones are gone."""
    slug = await slug_of(call)
    wanted = shapes.wanted_in(template, repository_id, in_state)
    before = place(cursor, tuple[int, str])
    rows = await call.read(agent_queries.page_before, call.project_id, wanted, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda one: cursor_of(one.agent.row.created_at, one.agent.id))
    return native.Page(data=[shapes.agent_out(one, slug) for one in shown], next_cursor=more)


@post("/v1/agents", needs="jobs:write", status_code=201)
async def create_agent(call: Call, data: wire.AgentIn) -> Reply[wire.Agent]:
    """Make an agent, deployed at once."""
    slug = await slug_of(call)

    def shape(made: Standing) -> wire.Agent:
        return shapes.agent_out(made, slug)

    return await call.answer(
        shape,
        agent_queries.standing_after,
        agents.create,
        call.project_id,
        shapes.new_agent(data),
        actor=call.actor,
    )


@get("/v1/agents/{wanted:str}", needs="runs:read")
async def get_agent(call: Call, wanted: str) -> wire.Agent:
    """An agent by id, or by the name of its job."""
    return shapes.agent_out(await call.read(agent_queries.standing, call.project_id, wanted), await slug_of(call))


@patch("/v1/agents/{wanted:str}", needs="jobs:write", status_code=200)
async def update_agent(call: Call, wanted: str, data: wire.AgentPatch) -> wire.Agent:
    """Change what is named of an agent; runs made before keep the configuration they were made with."""
    found = await call.write(
        agent_queries.standing_after,
        agents.update,
        call.project_id,
        wanted,
        shapes.patch_in(data),
        actor=call.actor,
    )
    return shapes.agent_out(found, await slug_of(call))


@delete("/v1/agents/{wanted:str}", needs="jobs:write", status_code=204)
async def delete_agent(call: Call, wanted: str) -> None:
    """Delete an agent; its runs stay, and those under way go on."""
    await call.write(agents.delete, call.project_id, wanted, actor=call.actor)


@post("/v1/agents/{wanted:str}/pause", needs="jobs:write", status_code=200)
async def pause_agent(call: Call, wanted: str) -> wire.Agent:
    """Have a deployed agent take no runs until it is resumed; retries of those it had go on."""
    return await _moved(call, wanted, "pause")


@post("/v1/agents/{wanted:str}/resume", needs="jobs:write", status_code=200)
async def resume_agent(call: Call, wanted: str) -> wire.Agent:
    """Have a paused agent take runs again."""
    return await _moved(call, wanted, "resume")


@post("/v1/agents/{wanted:str}/archive", needs="jobs:write", status_code=200)
async def archive_agent(call: Call, wanted: str) -> wire.Agent:
    """Have an agent take no runs for good."""
    return await _moved(call, wanted, "archive")


async def _moved(call: Call, wanted: str, verb: str) -> wire.Agent:
    found = await call.write(agent_queries.standing_after, agents.move, call.project_id, wanted, verb, actor=call.actor)
    return shapes.agent_out(found, await slug_of(call))


@get("/v1/agents/{wanted:str}/health", needs="runs:read")
async def get_agent_health(call: Call, wanted: str) -> wire.AgentHealth:
    """How well an agent did in the last 30 days."""
    return shapes.health_out(await call.read(agent_health.health, call.project_id, wanted))


@get("/v1/templates", needs="runs:read")
async def list_templates(call: Call) -> wire.AgentTemplates:
    """What agents can be made from."""
    return wire.AgentTemplates(data=[shapes.template_out(one) for one in templates.TEMPLATES.values()])


@get("/v1/templates/{slug:str}", needs="runs:read")
async def get_template(call: Call, slug: str) -> wire.AgentTemplate:
    """One template."""
    return shapes.template_out(templates.template(slug))


def handlers(settings: Settings) -> list[HTTPRouteHandler]:
    """All operations on agents and templates."""
    roots = settings.readable_folders

    @post("/v1/agents/{wanted:str}/runs", needs="runs:write", status_code=201)
    async def run_agent(call: Call, wanted: str, data: wire.AgentRunIn | None = None) -> Reply[native.Run]:
        """Ask a deployed agent for a run."""
        slug = await slug_of(call)
        asked = data or wire.AgentRunIn()

        def shape(run: Run) -> native.Run:
            return mapping.run_out(run, slug)

        return await call.answer(
            shape,
            agents.ask,
            call.project_id,
            wanted,
            payload=mapping.text(asked.payload),
            config=asked.config,
            idempotency_key=asked.idempotency_key,
            roots=roots,
            actor=call.actor,
        )

    return [
        list_agents,
        create_agent,
        get_agent,
        update_agent,
        delete_agent,
        pause_agent,
        resume_agent,
        archive_agent,
        get_agent_health,
        run_agent,
        list_templates,
        get_template,
    ]
