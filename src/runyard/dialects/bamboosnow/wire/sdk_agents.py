"""Shapes of agents as the SDK sees them (contract §5, §6)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Status = Literal["draft", "built", "pending", "deployed", "paused", "failed", "archived"]


class SdkAgent(msgspec.Struct, kw_only=True, rename="camel"):
    """An agent."""

    id: str
    name: str
    description: str | None
    agent_type: str
    template_slug: str | None
    repository_id: str | None
    project_id: str | None
    status: Status
    triggers: list[str]
    pr_url: str | None = None
    pr_number: int | None = None
    total_runs: int
    successful_runs: int
    deployment_pr_url: str | None = None
    created_at: str
    updated_at: str | None


class SdkAgentPage(msgspec.Struct, kw_only=True, rename="camel"):
    """A page of agents."""

    items: list[SdkAgent]
    total: int
    page: int
    per_page: int
    total_pages: int


class SdkAgentPatch(msgspec.Struct, kw_only=True):
    """What to change of an agent."""

    name: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    triggers: list[str] | UnsetType = UNSET


class SdkAgentTemplate(msgspec.Struct, kw_only=True, rename="camel"):
    """A kind of agent."""

    slug: str
    name: str
    description: str
    category: str
    triggers: list[str]
    capabilities: list[str]
    required_stack: dict[str, list[str]]
    complexity: Literal["simple", "moderate", "complex"]
    risk_level: Literal["low", "medium", "high", "critical"]
    estimated_setup_minutes: int


class SdkAgentHealth(msgspec.Struct, kw_only=True, rename="camel"):
    """How well an agent does: scores from 0 to 100, and a grade from A to F."""

    overall_score: float
    reliability_score: float
    efficiency_score: float
    cost_score: float
    activity_score: float
    grade: str


class Triggered(msgspec.Struct, kw_only=True, rename="camel"):
    """A run that was asked for."""

    run_id: str
