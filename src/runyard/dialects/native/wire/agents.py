"""Agents, what they are made from, and how they do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.native.wire.values import Text

AgentName = Annotated[str, Meta(min_length=1, max_length=255)]
AgentState = Literal["draft", "built", "pending", "deployed", "paused", "failed", "archived"]


class AgentIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An agent to make, from a template or (without one) for a worker that takes its job."""

    name: AgentName
    description: Text = ""
    template: str | None = None
    repository_id: str | None = None
    triggers: dict[str, Any] | UnsetType = UNSET
    """What begins its runs; unsaid, what usually does for its template."""
    config: dict[str, Any] = {}


class AgentPatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What to change of an agent."""

    name: AgentName | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    triggers: dict[str, Any] | list[str] | UnsetType = UNSET
    """All of them, or a list of `type` and `type.event`, which keeps what it cannot say of those that stay."""
    config: dict[str, Any] | UnsetType = UNSET
    """All of it."""


class AgentRuns(msgspec.Struct, kw_only=True):
    """How an agent's runs did."""

    total: int
    succeeded: int
    failed: int
    success_rate: float
    """Of those that succeeded or failed, from 0 to 1."""
    average_ms: int
    findings: int


class Agent(msgspec.Struct, kw_only=True):
    """A job with a template and a profile."""

    id: str
    """That of its job."""
    project: str
    name: str
    description: str
    job: str
    """The name of its job, which is as good as the id."""
    template: str | None
    repository_id: str | None
    state: AgentState
    triggers: dict[str, Any]
    config: dict[str, Any]
    runs: AgentRuns
    last_run_at: datetime | None
    created_at: datetime
    updated_at: datetime


class AgentRunIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run to ask an agent for."""

    payload: Raw = Raw(b"{}")
    """An object; what it says of `pull_request`, `commit` and `repository` is what the run is about."""
    config: dict[str, Any] | None = None
    """Laid over the agent's own shallowly, for this run only."""
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=256)] | None = None


class AgentTemplate(msgspec.Struct, kw_only=True):
    """A kind of agent that comes with the server."""

    slug: str
    name: str
    description: str
    category: str
    triggers: list[str]
    capabilities: list[str]
    stack: dict[str, list[str]]
    complexity: Literal["simple", "moderate", "complex"]
    risk: Literal["low", "medium", "high", "critical"]
    setup_minutes: int


class AgentTemplates(msgspec.Struct, kw_only=True):
    """Every template."""

    data: list[AgentTemplate]


class AgentHealth(msgspec.Struct, kw_only=True):
    """How well an agent did in the last 30 days: scores from 0 to 100, and a grade from A to F."""

    overall: float
    reliability: float
    efficiency: float
    cost: float
    activity: float
    grade: str
