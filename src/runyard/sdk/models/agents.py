"""Agents, their templates and their health."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model


class AgentRuns(Model, frozen=True, kw_only=True):
    """How an agent's runs did."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    success_rate: float = 0.0
    average_ms: int = 0
    findings: int = 0


class Agent(Model, frozen=True, kw_only=True):
    """A job with a template and a profile; `id` and `job` are those of its job."""

    id: str
    name: str
    state: str
    project: str = ""
    description: str = ""
    job: str = ""
    template: str | None = None
    repository_id: str | None = None
    triggers: dict[str, Any] = {}
    config: dict[str, Any] = {}
    runs: AgentRuns = AgentRuns()
    last_run_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class AgentTemplate(Model, frozen=True, kw_only=True):
    """A kind of agent that comes with the server."""

    slug: str
    name: str
    description: str = ""
    category: str = ""
    triggers: list[str] = []
    capabilities: list[str] = []
    stack: dict[str, list[str]] = {}
    complexity: str = ""
    risk: str = ""
    setup_minutes: int = 0


class AgentTemplates(Model, frozen=True, kw_only=True):
    """Every template."""

    data: list[AgentTemplate]


class AgentHealth(Model, frozen=True, kw_only=True):
    """How well an agent did lately: scores from 0 to 100, and a grade from A to F."""

    overall: float
    grade: str
    reliability: float = 0.0
    efficiency: float = 0.0
    cost: float = 0.0
    activity: float = 0.0


class AgentSums(Model, frozen=True, kw_only=True):
    """What runs of agents come to; `total` counts canceled and unfinished ones too, `failed` timeouts."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    success_rate: float = 0.0
    mean_duration_ms: int = 0
    findings: int = 0
    errors: int = 0
    warnings: int = 0
    infos: int = 0


class AgentDay(AgentSums, frozen=True, kw_only=True):
    """A day in UTC."""

    date: str


class AgentStats(Model, frozen=True, kw_only=True):
    """A period: all of it, and each of its days, today the last."""

    period: str
    whole: AgentSums
    days: list[AgentDay] = []
