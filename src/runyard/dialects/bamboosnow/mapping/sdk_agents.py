"""Agents as the SDK sees them (contract §5, §6)."""

from __future__ import annotations

from runyard.dialects.bamboosnow.mapping.agents import said
from runyard.dialects.bamboosnow.mapping.values import Place, one_of, seconds, shown, wanted
from runyard.dialects.bamboosnow.wire import sdk_agents as wire
from runyard.domain import hooks
from runyard.domain.agents import AgentState
from runyard.domain.health import Health
from runyard.domain.records import Run
from runyard.domain.templates import Template
from runyard.engine.agent_queries import Page, Standing, Wanted
from runyard.engine.agents import AgentPatch

OF_NO_TEMPLATE = "custom"


def wanted_in(status: str | None, repository_id: str | None, *, here: bool) -> Wanted:
    """Which agents are asked for; none of another project. Raises `Invalid`."""
    state = one_of("status", status, tuple(AgentState))
    states = (state,) if state is not None else None
    return Wanted(states=states if here else (), repository_id=wanted("repo", repository_id))


def patch_in(asked: wire.SdkAgentPatch) -> AgentPatch:
    """What to change of an agent."""
    return AgentPatch(name=said(asked.name), description=said(asked.description), triggers=said(asked.triggers))


def page_out(page: Page, place: Place, slug: str) -> wire.SdkAgentPage:
    """A page of agents."""
    return wire.SdkAgentPage(
        items=[agent_out(row, slug) for row in page.rows],
        total=page.total,
        page=place.page,
        per_page=place.per_page,
        total_pages=-(-page.total // place.per_page),
    )


def agent_out(standing: Standing, slug: str) -> wire.SdkAgent:
    """An agent."""
    agent, sums = standing.agent, standing.sums
    repository_id = agent.row.repository_id
    return wire.SdkAgent(
        id=shown("agent", agent.id),
        name=agent.name,
        description=agent.spec.description or None,
        agent_type=agent.row.template or OF_NO_TEMPLATE,
        template_slug=agent.row.template,
        repository_id=None if repository_id is None else shown("repo", repository_id),
        project_id=slug,
        status=agent.row.state.value,
        triggers=hooks.flat(hooks.triggers_of(agent.profile)),
        total_runs=sums.total,
        successful_runs=sums.succeeded,
        created_at=seconds(agent.row.created_at) or "",
        updated_at=seconds(agent.row.updated_at),
    )


def template_out(template: Template) -> wire.SdkAgentTemplate:
    """A kind of agent."""
    return wire.SdkAgentTemplate(
        slug=template.slug,
        name=template.name,
        description=template.description,
        category=template.category,
        triggers=list(template.triggers),
        capabilities=list(template.capabilities),
        required_stack={kind: list(names) for kind, names in template.stack.items()},
        complexity=template.complexity,
        risk_level=template.risk,
        estimated_setup_minutes=template.setup_minutes,
    )


def health_out(health: Health) -> wire.SdkAgentHealth:
    """How well an agent does."""
    return wire.SdkAgentHealth(
        overall_score=health.overall,
        reliability_score=health.reliability,
        efficiency_score=health.efficiency,
        cost_score=health.cost,
        activity_score=health.activity,
        grade=health.grade,
    )


def triggered_out(run: Run) -> wire.Triggered:
    """A run that was asked for."""
    return wire.Triggered(run_id=shown("run", run.id))
