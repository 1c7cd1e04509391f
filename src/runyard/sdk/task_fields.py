"""What may be said of tasks, reviews and sessions, by the names of the API; durations are seconds."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict

TaskStatus = Literal["draft", "pending", "blocked", "ready", "in_progress", "completed", "failed", "canceled"]
ApprovalPolicy = Literal["none", "manual"]
Decision = Literal["not_required", "pending", "approved", "rejected"]
OwnerKind = Literal["human", "agent_session", "automation", "extension", "network_peer", "pool"]
Lane = Literal["my_work", "approvals", "failed_runs", "blocked", "archived"]
ReviewPolicy = Literal["always", "on_success", "on_failure"]
ReviewStatus = Literal["requested", "in_review", "recorded"]
Outcome = Literal["approved", "rejected", "blocked", "error", "timeout", "invalid_output"]
SessionState = Literal["starting", "active", "stopping", "stopped"]


class OwnerFields(TypedDict):
    """Whose a task is; `pool` is any session of the agent of that name."""

    kind: OwnerKind
    ref: str


class TaskChanges(TypedDict, total=False):
    """What may change of a task; None takes away."""

    title: str
    description: str | None
    priority: int
    max_attempts: int
    approval_policy: ApprovalPolicy
    auto_enqueue: bool
    owner: OwnerFields | None
    channel: str | None
    metadata: Any


class TaskFields(TypedDict, total=False):
    """What a task may be made with, besides its title."""

    id: str | None
    parent_id: str | None
    workspace: str | None
    description: str | None
    identifier: str | None
    priority: int
    max_attempts: int
    approval_policy: ApprovalPolicy
    auto_enqueue: bool
    owner: OwnerFields | None
    channel: str | None
    metadata: Any
    draft: bool


class TaskFilter(TypedDict, total=False):
    """Which tasks a list is about."""

    status: TaskStatus
    workspace: str
    parent: str
    owner_kind: OwnerKind
    owner: str
    channel: str
    approval_state: Decision
    least_priority: int
    include_drafts: bool
    query: str


class RunWishes(TypedDict, total=False):
    """How a run of a task is asked for."""

    idempotency_key: str | None
    channel: str | None
    metadata: Any


class ProfileFields(TypedDict, total=False):
    """How a task's runs are to be done; each part is an object."""

    coordinator: dict[str, Any]
    worker: dict[str, Any]
    review: dict[str, Any]
    participants: dict[str, Any]
    sandbox: dict[str, Any]
    runtime: dict[str, Any]


class PermissionFields(TypedDict, total=False):
    """What a session may use, by name; `*` stands for all of a kind."""

    tools: list[str]
    skills: list[str]
    mcp_servers: list[str]
    workspace_paths: list[str]
    network_channels: list[str]
    sandbox_profiles: list[str]


class SessionFields(TypedDict, total=False):
    """What a session may begin with."""

    agent: str
    workspace_id: str | None
    name: str
    channel: str | None
    capabilities: list[str]
    provider: str
    model: str
    reasoning_effort: str
    permissions: PermissionFields | None
    ttl_seconds: int | None


class SpawnFields(TypedDict, total=False):
    """What a session below another may begin with."""

    agent: Required[str]
    role: Required[str]
    ttl_seconds: Required[int]
    permissions: PermissionFields
    stops_with_parent: bool
    name: str
    provider: str
    model: str
    overlay: str
    capabilities: list[str]


class WorkspaceChanges(TypedDict, total=False):
    """What may change of a workspace."""

    name: str
    extra_dirs: list[str]
    default_agent: str
    sandbox: str
