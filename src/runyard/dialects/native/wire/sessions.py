"""Sessions of agents: their presence, what is said to them, and what they find themselves in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.channels import Message, SeenChannel
from runyard.dialects.native.wire.reviews import Review
from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.dialects.native.wire.tasks import Task
from runyard.dialects.native.wire.values import Name
from runyard.dialects.native.wire.workspaces import Capabilities, Word, Workspace

State = Literal["starting", "active", "stopping", "stopped"]
Id = Annotated[str, Meta(min_length=1, max_length=128)]
Ttl = Annotated[int, Meta(ge=1, le=86_400)]
Allowed = Annotated[list[Annotated[str, Meta(min_length=1, max_length=1024)]], Meta(max_length=256)]


class Permissions(msgspec.Struct, kw_only=True):
    """What a session may use, by name; `*` stands for all of a kind."""

    tools: Allowed = []
    skills: Allowed = []
    mcp_servers: Allowed = []
    workspace_paths: Allowed = []
    network_channels: Allowed = []
    sandbox_profiles: Allowed = []


class SessionIn(msgspec.Struct, kw_only=True):
    """A session to begin."""

    agent: Word = ""
    """The workspace's default agent where none is named."""
    workspace_id: Id | None = None
    name: Word = ""
    channel: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    """It is given runs of this channel alone."""
    capabilities: Capabilities = []
    provider: Word = ""
    model: Word = ""
    reasoning_effort: Word = ""
    permissions: Permissions | None = None
    ttl_seconds: Ttl | None = None
    """When it is stopped if nobody stops it before."""


class SpawnIn(msgspec.Struct, kw_only=True):
    """A session below another to begin, in its workspace and channel; it may do no more than that."""

    agent: Name
    role: Name
    ttl_seconds: Ttl
    permissions: Permissions = msgspec.field(default_factory=Permissions)
    stops_with_parent: bool = False
    name: Word = ""
    provider: Word = ""
    model: Word = ""
    overlay: Annotated[str, Meta(max_length=16384)] = ""
    capabilities: Capabilities = []


class SessionStopIn(msgspec.Struct, kw_only=True):
    """How a session is to stop."""

    grace_seconds: Annotated[float, Meta(ge=0, le=3600)] = 0
    """It is asked first, and forced when this is over; 0 stops it at once."""


class Session(msgspec.Struct, kw_only=True):
    """An agent at work."""

    id: str
    agent: str
    workspace_id: str | None
    name: str
    state: State
    channel: str | None
    capabilities: list[str]
    provider: str
    model: str
    reasoning_effort: str
    permissions: Permissions | None
    parent_id: str | None
    role: str | None
    stops_with_parent: bool
    created_at: datetime
    updated_at: datetime
    active_at: datetime
    expires_at: datetime | None
    stopped_at: datetime | None
    stop_reason: str | None
    failure: str | None
    events: int


class SessionDetail(Session, kw_only=True):
    """A session, and what it has to do."""

    run_id: str | None
    """The run that it has."""
    prompts: int
    """How many prompts wait in it."""


class SessionEvent(msgspec.Struct, kw_only=True):
    """Something that happened to a session or was said to it."""

    number: int
    type: str
    at: datetime
    data: Raw


class PromptIn(msgspec.Struct, kw_only=True):
    """What is said to a session."""

    text: Annotated[str, Meta(min_length=1, max_length=65536)]
    mode: Literal["queue", "interrupt", "steer"] = "queue"
    """`interrupt` takes the place of all that waits."""


class Prompt(msgspec.Struct, kw_only=True):
    """Something said to a session."""

    id: str
    text: str
    mode: str
    state: Literal["queued", "taken", "canceled"]
    created_at: datetime
    taken_at: datetime | None


class TakeIn(msgspec.Struct, kw_only=True):
    """How many prompts to take up, and how long to wait for the first."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 100
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 0


class Taken(msgspec.Struct, kw_only=True):
    """Prompts that were taken up, in order."""

    prompts: list[Prompt]


class Work(msgspec.Struct, kw_only=True):
    """What a session has in hand, and what went before."""

    task: Task
    run: TaskRun
    before: list[TaskRun]
    """The runs of the task before it, the latest first."""
    reviews: list[Review]
    """What was said of those, the newest first."""
    asked_by: Review | None
    """The review that asked for this run."""


class Situation(msgspec.Struct, kw_only=True):
    """What a session finds itself in."""

    session: Session
    workspace: Workspace | None
    work: Work | None
    channels: list[SeenChannel]
    unread: list[Message]
    more_unread: bool
    peers: list[Session]
    """Others in its workspace that have not stopped."""
    more_peers: bool
