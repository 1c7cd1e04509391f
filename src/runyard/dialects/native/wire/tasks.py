"""Tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.native.wire.task_runs import TaskRun, Who
from runyard.dialects.native.wire.values import NOTHING, Priority

Title = Annotated[str, Meta(min_length=1, max_length=1024)]
Description = Annotated[str, Meta(max_length=65536)]
Channel = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Attempts = Annotated[int, Meta(ge=1, le=10)]
Policy = Literal["none", "manual"]
Status = Literal["draft", "pending", "blocked", "ready", "in_progress", "completed", "failed", "canceled"]
Decision = Literal["not_required", "pending", "approved", "rejected"]
OwnerKind = Literal["human", "agent_session", "automation", "extension", "network_peer", "pool"]


class OwnerIn(msgspec.Struct, kw_only=True):
    """Whose a task is; `pool` is any session of the agent of that name. People's tasks are not handed to sessions."""

    kind: OwnerKind
    ref: Annotated[str, Meta(min_length=1, max_length=256)]


class TaskIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task to make."""

    title: Title
    id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    """A UUID, or a name; a named task has the id `<project>~<name>`."""
    parent_id: Annotated[str, Meta(max_length=160)] | None = None
    workspace: Annotated[str, Meta(max_length=4096)] | None = None
    """Its id, name or root directory; without one the task is of no workspace."""
    description: Description | None = None
    identifier: Annotated[str, Meta(max_length=256)] | None = None
    priority: Priority = 4
    max_attempts: Attempts = 3
    approval_policy: Policy = "none"
    auto_enqueue: bool = False
    """Queue a run as soon as what blocked the task is gone."""
    owner: OwnerIn | None = None
    channel: Channel | None = None
    metadata: Raw = NOTHING
    draft: bool = False


class TaskPatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to change; what is not said stays, and null takes away."""

    title: Title | UnsetType = UNSET
    description: Description | None | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    max_attempts: Attempts | UnsetType = UNSET
    approval_policy: Policy | UnsetType = UNSET
    """Another policy asks anew for a decision, or for none."""
    auto_enqueue: bool | UnsetType = UNSET
    owner: OwnerIn | None | UnsetType = UNSET
    channel: Channel | None | UnsetType = UNSET
    metadata: Raw = NOTHING


class Task(msgspec.Struct, kw_only=True):
    """A piece of intended work."""

    id: str
    parent_id: str | None
    workspace_id: str | None
    title: str
    description: str | None
    identifier: str | None
    status: Status
    priority: int
    max_attempts: int
    attempts: int
    """The highest attempt of its runs."""
    approval_policy: Policy
    approval_state: Decision
    auto_enqueue: bool
    owner: Who | None
    channel: str | None
    metadata: Raw | None
    created_by: Who
    origin: Who
    """By which way it came."""
    paused_at: datetime | None
    """When it was paused itself."""
    paused_by: str | None
    paused_reason: str | None
    held_up_by: str | None
    """The task whose pause holds it up: itself, or the nearest above it."""
    open_run_id: str | None
    """Its run that has not ended."""
    last_run_id: str | None
    """Its run that ended last."""
    dependencies: int
    unmet: int
    """How many of its dependencies are not completed."""
    children: int
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    active_at: datetime
    """When something last happened to it or to one of its runs."""


class TaskNode(msgspec.Struct, kw_only=True):
    """A task in a tree, and its run that has not ended."""

    depth: int
    task: Task
    open_run: TaskRun | None


class TaskTree(msgspec.Struct, kw_only=True):
    """A task with all below it: by depth, then the latest activity first, then by id."""

    root: TaskNode
    below: list[TaskNode]
