"""Workspaces, and sessions of agents in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.channels import Message, SeenChannel
from runyard.sdk.models.model import Model
from runyard.sdk.models.reviews import Review
from runyard.sdk.models.tasks import Task, TaskRun


class Workspace(Model, frozen=True, kw_only=True):
    """A place in which agents work."""

    id: str
    name: str
    root_dir: str
    extra_dirs: list[str] = []
    default_agent: str = ""
    sandbox: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Permissions(Model, frozen=True, kw_only=True):
    """What a session may use, by name; `*` stands for all of a kind."""

    tools: list[str] = []
    skills: list[str] = []
    mcp_servers: list[str] = []
    workspace_paths: list[str] = []
    network_channels: list[str] = []
    sandbox_profiles: list[str] = []


class Session(Model, frozen=True, kw_only=True):
    """An agent at work; its id is what it takes work under."""

    id: str
    agent: str
    state: str
    workspace_id: str | None = None
    name: str = ""
    channel: str | None = None
    capabilities: list[str] = []
    provider: str = ""
    model: str = ""
    reasoning_effort: str = ""
    permissions: Permissions | None = None
    parent_id: str | None = None
    role: str | None = None
    stops_with_parent: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    active_at: datetime | None = None
    expires_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    failure: str | None = None
    events: int = 0


class SessionDetail(Session, frozen=True, kw_only=True):
    """A session, the run it has, and how many prompts wait in it."""

    run_id: str | None = None
    prompts: int = 0


class SessionEvent(Model, frozen=True, kw_only=True):
    """Something that happened to a session or was said to it."""

    number: int
    type: str
    at: datetime | None = None
    data: Any = None


class Prompt(Model, frozen=True, kw_only=True):
    """Something said to a session."""

    id: str
    text: str
    mode: str = "queue"
    state: str = "queued"
    created_at: datetime | None = None
    taken_at: datetime | None = None


class Taken(Model, frozen=True, kw_only=True):
    """Prompts that were taken up, in order."""

    prompts: list[Prompt]


class Work(Model, frozen=True, kw_only=True):
    """What a session has in hand, and what went before: earlier runs, what was said of them, and who asked."""

    task: Task
    run: TaskRun
    before: list[TaskRun] = []
    reviews: list[Review] = []
    asked_by: Review | None = None


class Situation(Model, frozen=True, kw_only=True):
    """What a session finds itself in."""

    session: Session
    workspace: Workspace | None = None
    work: Work | None = None
    channels: list[SeenChannel] = []
    unread: list[Message] = []
    more_unread: bool = False
    peers: list[Session] = []
    more_peers: bool = False
