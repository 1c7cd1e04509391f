"""Tasks: intended work, its runs, and what happened to it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import Raw, field

from runyard.sdk.models.model import NULL, Model, value_of

TASK_ENDS = frozenset({"completed", "failed", "canceled"})


class Who(Model, frozen=True, kw_only=True):
    """A person or a program: `human`, `agent_session`, `automation`, `extension`, `network_peer`, `daemon`, `pool`."""

    kind: str
    ref: str


NOBODY = Who(kind="", ref="")


class Task(Model, frozen=True, kw_only=True):
    """A piece of intended work, as it was when it was read."""

    id: str
    title: str
    status: str
    parent_id: str | None = None
    workspace_id: str | None = None
    description: str | None = None
    identifier: str | None = None
    priority: int = 0
    max_attempts: int = 1
    attempts: int = 0
    approval_policy: str = "none"
    approval_state: str = "not_required"
    auto_enqueue: bool = False
    owner: Who | None = None
    channel: str | None = None
    metadata: Any = None
    created_by: Who = NOBODY
    origin: Who = NOBODY
    paused_at: datetime | None = None
    paused_by: str | None = None
    paused_reason: str | None = None
    held_up_by: str | None = None
    """The task whose pause holds it up: itself, or the nearest above it."""
    open_run_id: str | None = None
    last_run_id: str | None = None
    dependencies: int = 0
    unmet: int = 0
    """How many of its dependencies are not completed."""
    children: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    active_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it is completed, failed or canceled; another run of it may begin it anew."""
        return self.status in TASK_ENDS


class TaskRun(Model, frozen=True, kw_only=True):
    """A run of a task; more of it, as of any run, is in `runs`."""

    id: str
    task_id: str
    state: str
    hold: str | None = None
    attempt: int = 0
    round: int = 1
    claimed_by: Who | None = None
    session_id: str | None = None
    lease_until: datetime | None = None
    channel: str | None = None
    coordination_channel: str | None = None
    previous_run_id: str | None = None
    review_id: str | None = None
    failure_kind: str | None = None
    origin: Who = NOBODY
    idempotency_key: str | None = None
    raw_output: Raw = field(name="output", default=NULL)
    raw_error: Raw = field(name="error", default=NULL)
    metadata: Any = None
    queued_at: datetime | None = None
    claimed_at: datetime | None = None
    heartbeat_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @cached_property
    def output(self) -> Any:
        """What came of it."""
        return value_of(self.raw_output)

    @cached_property
    def error(self) -> Any:
        """What went wrong."""
        return value_of(self.raw_error)


class TaskNode(Model, frozen=True, kw_only=True):
    """A task in a tree, and its run that has not ended."""

    depth: int
    task: Task
    open_run: TaskRun | None = None


class TaskTree(Model, frozen=True, kw_only=True):
    """A task with all below it: by depth, then the latest activity first."""

    root: TaskNode
    below: list[TaskNode] = []


class AskedRun(Model, frozen=True, kw_only=True):
    """A run of a task that was asked for, and the task."""

    task: Task
    run: TaskRun


class TaskDependency(Model, frozen=True, kw_only=True):
    """A task that another one waits for."""

    task_id: str
    title: str
    status: str
    created_at: datetime | None = None


class TaskEvent(Model, frozen=True, kw_only=True):
    """One line of a task's timeline; `seq` grows over the whole server."""

    seq: int
    id: str
    task_id: str
    type: str
    run_id: str | None = None
    at: datetime | None = None
    actor: Who = NOBODY
    origin: Who = NOBODY
    data: Any = None


class TaskProfile(Model, frozen=True, kw_only=True):
    """How a task's runs are to be done: who works, who judges, and in which surroundings."""

    task_id: str
    coordinator: dict[str, Any] = {}
    worker: dict[str, Any] = {}
    review: dict[str, Any] = {}
    participants: dict[str, Any] = {}
    sandbox: dict[str, Any] = {}
    runtime: dict[str, Any] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None
