"""Shapes of runs as the SDK sees them (contract §5, §6)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw

Status = Literal["queued", "running", "waiting_approval", "completed", "failed", "cancelled"]


class SdkRunSummary(msgspec.Struct, kw_only=True, rename="camel"):
    """A run in a list."""

    id: str
    agent_id: str
    agent_name: str
    status: Status
    trigger_type: str
    tokens_used: int
    cost_usd: float
    requires_approval: bool
    started_at: str | None
    completed_at: str | None
    created_at: str
    duration_seconds: int | None


class SdkRunPage(msgspec.Struct, kw_only=True, rename="camel"):
    """A page of runs."""

    items: list[SdkRunSummary]
    total: int
    page: int
    per_page: int
    total_pages: int


class SdkThoughtStep(msgspec.Struct, kw_only=True):
    """Something the agent saw (`sense`), thought or did (`act`)."""

    type: Literal["sense", "think", "act"]
    timestamp: str
    content: str
    metadata: dict[str, Any] | None


class SdkAgentAction(msgspec.Struct, kw_only=True):
    """Something the agent did to the world outside."""

    type: str
    description: str
    timestamp: str
    result: Literal["success", "failure", "pending"]
    details: dict[str, Any] | None


class SdkApprovalRequest(msgspec.Struct, kw_only=True):
    """What a person is asked to approve."""

    action: str
    description: str
    risk: Literal["low", "medium", "high", "critical"]
    changes: list[str]


class SdkAgentRun(msgspec.Struct, kw_only=True, rename="camel"):
    """A run with all that is told of it."""

    id: str
    agent_id: str
    agent_name: str
    status: Status
    trigger_type: str
    trigger_payload: Raw
    thought_trace: list[SdkThoughtStep]
    actions_taken: list[SdkAgentAction]
    result: Raw | None
    error_message: str | None
    tokens_used: int
    cost_usd: float
    requires_approval: bool
    approval_request: SdkApprovalRequest | None
    started_at: str | None
    completed_at: str | None
    created_at: str
    duration_seconds: int | None


class SdkDecision(msgspec.Struct, kw_only=True):
    """Yes or no, and at most 10,000 characters that the agent should know of it."""

    approved: bool
    comment: str | None = None
