"""Shapes of agents as their public page has them (contract §5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from runyard.dialects.bamboosnow.wire.runs import Meta
from runyard.dialects.bamboosnow.wire.runs import Status as RunStatus

Status = Literal["active", "paused", "error"]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class AgentSummary(msgspec.Struct, kw_only=True):
    """An agent in a list."""

    id: str
    name: str
    template: str | None
    repository_id: str | None
    status: Status
    created_at: str
    last_run_at: str | None
    runs_count: int
    success_rate: float


class AgentList(msgspec.Struct, kw_only=True):
    """A page of agents."""

    data: list[AgentSummary]
    meta: Meta


class AgentRepository(msgspec.Struct, kw_only=True):
    """The repository of an agent."""

    id: str
    name: str


class AgentStats(msgspec.Struct, kw_only=True):
    """How the agent's runs did."""

    total_runs: int
    successful_runs: int
    failed_runs: int
    avg_duration_ms: int
    issues_found: int


class RecentRun(msgspec.Struct, kw_only=True):
    """One of the agent's newest runs."""

    id: str
    status: RunStatus
    pr_number: int | None
    completed_at: str | None


class AgentDetail(msgspec.Struct, kw_only=True):
    """An agent."""

    id: str
    name: str
    template: str | None
    repository: AgentRepository | None
    status: Status
    created_at: str
    updated_at: str
    triggers: dict[str, Any]
    config: dict[str, Any]
    stats: AgentStats
    recent_runs: list[RecentRun]


class AgentWrite(msgspec.Struct, kw_only=True):
    """An agent to make."""

    name: Name
    template: str | None = None
    repository_id: str | None = None
    triggers: dict[str, Any] | UnsetType = UNSET
    config: dict[str, Any] | UnsetType = UNSET


class AgentPatch(msgspec.Struct, kw_only=True):
    """What to change of an agent."""

    name: Name | UnsetType = UNSET
    status: Literal["active", "paused"] | UnsetType = UNSET
    triggers: dict[str, Any] | UnsetType = UNSET
    config: dict[str, Any] | UnsetType = UNSET


class Asked(msgspec.Struct, kw_only=True):
    """A run that was asked for."""

    run_id: str
    status: Literal["queued"]
