"""Agents, templates and health."""

from __future__ import annotations

import msgspec

from runyard.dialects.native.mapping.values import lenient_id, maybe_when, said_or_none, when
from runyard.dialects.native.wire import agents as wire
from runyard.domain import hooks
from runyard.domain.agents import AgentProfile
from runyard.domain.health import Health
from runyard.domain.templates import Template
from runyard.engine.agent_queries import Standing, Wanted
from runyard.engine.agents import AgentPatch, NewAgent


def wanted_in(template: str | None, repository_id: str | None, state: wire.AgentState | None) -> Wanted:
    """Which agents are asked for."""
    return Wanted(
        states=None if state is None else (state,),
        template=template,
        repository_id=None if repository_id is None else lenient_id(repository_id),
    )


def new_agent(asked: wire.AgentIn) -> NewAgent:
    """An agent to make."""
    return NewAgent(
        name=asked.name,
        description=asked.description,
        profile=AgentProfile(
            template=asked.template,
            repository_id=None if asked.repository_id is None else lenient_id(asked.repository_id),
            triggers=said_or_none(asked.triggers),
            config=asked.config,
        ),
    )


def patch_in(asked: wire.AgentPatch) -> AgentPatch:
    """What to change of an agent."""
    return AgentPatch(
        name=said_or_none(asked.name),
        description=said_or_none(asked.description),
        triggers=said_or_none(asked.triggers),
        config=said_or_none(asked.config),
    )


def agent_out(standing: Standing, slug: str) -> wire.Agent:
    """An agent on the wire."""
    agent, sums = standing.agent, standing.sums
    return wire.Agent(
        id=agent.id,
        project=slug,
        name=agent.name,
        description=agent.spec.description,
        job=agent.job.name,
        template=agent.row.template,
        repository_id=agent.row.repository_id,
        state=agent.row.state.value,
        triggers=dict(hooks.triggers_of(agent.profile)),
        config=agent.profile.config,
        runs=wire.AgentRuns(
            total=sums.total,
            succeeded=sums.succeeded,
            failed=sums.failed,
            success_rate=sums.success_rate(1000) / 1000,
            average_ms=sums.average_ms,
            findings=sums.findings,
        ),
        last_run_at=maybe_when(standing.last_run_at),
        created_at=when(agent.row.created_at),
        updated_at=when(agent.row.updated_at),
    )


def template_out(template: Template) -> wire.AgentTemplate:
    """A template on the wire."""
    return wire.AgentTemplate(
        slug=template.slug,
        name=template.name,
        description=template.description,
        category=template.category,
        triggers=list(template.triggers),
        capabilities=list(template.capabilities),
        stack={kind: list(names) for kind, names in template.stack.items()},
        complexity=template.complexity,
        risk=template.risk,
        setup_minutes=template.setup_minutes,
    )


def health_out(health: Health) -> wire.AgentHealth:
    """How well an agent does, on the wire."""
    return wire.AgentHealth(**msgspec.structs.asdict(health))
