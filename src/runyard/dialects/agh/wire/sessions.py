"""Shapes of sessions (contract §28). Fields with a default are left out where they have it."""

from __future__ import annotations

import msgspec
from msgspec import Raw


class CreateSessionRequest(msgspec.Struct, kw_only=True):
    """A session to begin."""

    agent_name: str = ""
    provider: str = ""
    model: str = ""
    reasoning_effort: str = ""
    name: str = ""
    workspace: str = ""
    workspace_path: str = ""
    channel: str = ""
    capabilities: list[str] = []
    ttl_seconds: int = 0


class Permissions(msgspec.Struct, kw_only=True):
    """What a session may use."""

    tools: list[str] = []
    skills: list[str] = []
    mcp_servers: list[str] = []
    workspace_paths: list[str] = []
    network_channels: list[str] = []
    sandbox_profiles: list[str] = []


class SpawnBudget(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many sessions may be below another, how deep, and for how long."""

    max_children: int
    max_depth: int
    ttl_seconds: int
    max_active_per_workspace: int = 0


class Lineage(msgspec.Struct, kw_only=True):
    """Where a session that another one began comes from."""

    spawn_depth: int
    auto_stop_on_parent: bool
    spawn_budget: SpawnBudget
    permission_policy: Permissions
    parent_session_id: str | msgspec.UnsetType = msgspec.UNSET
    root_session_id: str | msgspec.UnsetType = msgspec.UNSET
    spawn_role: str | msgspec.UnsetType = msgspec.UNSET
    ttl_expires_at: str | msgspec.UnsetType = msgspec.UNSET


class Failure(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a session ended badly."""

    kind: str
    summary: str = ""


class Session(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A session."""

    id: str
    agent_name: str
    provider: str
    state: str
    created_at: str
    updated_at: str
    name: str = ""
    model: str = ""
    reasoning_effort: str = ""
    workspace_id: str = ""
    workspace_path: str = ""
    channel: str = ""
    type: str = ""
    capabilities: list[str] = []
    stop_reason: str = ""
    failure: Failure | None = None
    lineage: Lineage | None = None


class SessionAnswer(msgspec.Struct, kw_only=True):
    """A session."""

    session: Session


class SessionsAnswer(msgspec.Struct, kw_only=True):
    """Sessions."""

    sessions: list[Session]


class SessionStatus(msgspec.Struct, kw_only=True):
    """How a session stands, and whether it would be given work."""

    session_id: str
    workspace_id: str
    agent_name: str
    state: str
    health: str
    active_prompt: bool
    attachable: bool
    eligible_for_wake: bool
    updated_at: str
    ineligibility_reason: str | msgspec.UnsetType = msgspec.UNSET


class PromptPart(msgspec.Struct, kw_only=True):
    """A part of a message."""

    type: str = ""
    text: str = ""


class PromptMessage(msgspec.Struct, kw_only=True):
    """A message of a conversation."""

    role: str = ""
    content: str = ""
    parts: list[PromptPart] = []


class PromptRequest(msgspec.Struct, kw_only=True):
    """What is said to a session: a text, or the last message of a person in a conversation."""

    message: str = ""
    messages: list[PromptMessage] = []
    mode: str = ""


class Prompted(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a prompt."""

    status: str
    mode: str = ""
    queued: bool = False
    queue_entry_id: str = ""
    queue_position: int = 0
    interrupted: bool = False
    canceled_queued_entries: int = 0


class PromptAnswer(msgspec.Struct, kw_only=True):
    """What became of a prompt."""

    prompt: Prompted


class SessionEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that happened to a session or was said to it."""

    id: str
    session_id: str
    sequence: int
    type: str
    agent_name: str
    content: Raw
    timestamp: str
    turn_id: str | msgspec.UnsetType = msgspec.UNSET
    workspace_id: str = ""


class SessionEventsAnswer(msgspec.Struct, kw_only=True):
    """What happened to a session."""

    events: list[SessionEvent]
