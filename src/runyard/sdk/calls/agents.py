"""Requests about agents, and what they are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send


def create(
    name: str,
    *,
    template: str | None = None,
    description: str | None = None,
    repository_id: str | None = None,
    triggers: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Call[models.Agent]:
    """Make an agent from a template or, without one, for a worker that takes its job; it is deployed at once."""
    body = present(
        name=name,
        template=template,
        description=description,
        repository_id=repository_id,
        triggers=triggers,
        config=config,
    )
    return send("POST", "/agents", models.Agent, body)


def list_all(
    *,
    template: str | None = None,
    repository_id: str | None = None,
    state: str | None = None,
    limit: int | None = None,
) -> Call[models.Page[models.Agent]]:
    """Agents, newest first."""
    found = query(template=template, repository_id=repository_id, state=state, limit=limit)
    return get("/agents", models.Page[models.Agent], found)


def read(agent: str) -> Call[models.Agent]:
    """One agent, by id or by the name of its job."""
    return get(_agent(agent), models.Agent)


def update(
    agent: str,
    *,
    name: str | None = None,
    description: str | None = None,
    triggers: Mapping[str, Any] | Sequence[str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Call[models.Agent]:
    """Change what is given; a list of triggers (`type`, `type.event`) keeps what it cannot say of those that stay."""
    body = present(name=name, description=description, triggers=triggers, config=config)
    return send("PATCH", _agent(agent), models.Agent, body)


def delete(agent: str) -> Call[None]:
    """Delete an agent; its runs stay, and those under way go on."""
    return send("DELETE", _agent(agent), None)


def pause(agent: str) -> Call[models.Agent]:
    """Have it take no runs until it is resumed."""
    return send("POST", f"{_agent(agent)}/pause", models.Agent)


def resume(agent: str) -> Call[models.Agent]:
    """Have it take runs again."""
    return send("POST", f"{_agent(agent)}/resume", models.Agent)


def archive(agent: str) -> Call[models.Agent]:
    """Have it take no runs for good."""
    return send("POST", f"{_agent(agent)}/archive", models.Agent)


def run(
    agent: str,
    payload: Mapping[str, Any] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[models.Run]:
    """Ask it for a run; `config` is laid over its own for this run only."""
    body = present(payload=payload, config=config, idempotency_key=idempotency_key)
    return send("POST", f"{_agent(agent)}/runs", models.Run, body)


def health(agent: str) -> Call[models.AgentHealth]:
    """How well it did in the last 30 days."""
    return get(f"{_agent(agent)}/health", models.AgentHealth)


def stats(
    *, period: Literal["day", "week", "month"] | None = None, agent: str | None = None, repository: str | None = None
) -> Call[models.AgentStats]:
    """How runs of agents did today, or over 7 (unless told) or 30 days up to today; agent and repository are ids."""
    return get("/stats/agents", models.AgentStats, query(period=period, agent=agent, repository=repository))


def templates() -> Call[list[models.AgentTemplate]]:
    """What agents can be made from."""
    return Call(method="GET", path="/templates", shape=models.AgentTemplates, then=attrgetter("data"))


def template(slug: str) -> Call[models.AgentTemplate]:
    """One template."""
    return get(f"/templates/{segment(slug)}", models.AgentTemplate)


def _agent(agent: str) -> str:
    return f"/agents/{segment(agent)}"
