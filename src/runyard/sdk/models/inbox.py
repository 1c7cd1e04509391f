"""Inboxes, and how all tasks stand."""

from __future__ import annotations

from datetime import datetime

from runyard.sdk.models.model import Model
from runyard.sdk.models.tasks import Task, TaskRun


class Triage(Model, frozen=True, kw_only=True):
    """What the caller has seen of a task."""

    task_id: str
    read: bool = False
    archived: bool = False
    dismissed: bool = False
    seen_at: datetime | None = None
    updated_at: datetime | None = None


class InboxItem(Model, frozen=True, kw_only=True):
    """A task in an inbox, and why it does not go on."""

    task: Task
    reason: str | None = None
    latest_run: TaskRun | None = None
    triage: Triage | None = None


class InboxGroup(Model, frozen=True, kw_only=True):
    """A lane of an inbox; `next_cursor` leads to the next page of this lane."""

    lane: str
    count: int = 0
    unread: int = 0
    items: list[InboxItem] = []
    next_cursor: str | None = None


class Inbox(Model, frozen=True, kw_only=True):
    """What waits for the caller."""

    total: int = 0
    unread: int = 0
    archived: int = 0
    lanes: list[InboxGroup] = []


class Latency(Model, frozen=True, kw_only=True):
    """How long something took."""

    samples: int = 0
    mean_seconds: float = 0.0
    longest_seconds: float = 0.0


class QueueDepth(Model, frozen=True, kw_only=True):
    """What is queued in a channel."""

    queued: int
    channel: str | None = None
    oldest_at: datetime | None = None


class ActiveRun(Model, frozen=True, kw_only=True):
    """A run under way, and since when it is where it is."""

    task: Task
    run: TaskRun
    since: datetime | None = None
    stuck: bool = False


class TaskStats(Model, frozen=True, kw_only=True):
    """How tasks and their runs stand."""

    as_of: datetime | None = None
    tasks: dict[str, int] = {}
    awaiting_approval: int = 0
    awaiting_dependencies: int = 0
    paused: int = 0
    runs: dict[str, int] = {}
    queue: list[QueueDepth] = []
    active: list[ActiveRun] = []
    stuck_runs: int = 0
    orphan_runs: int = 0
    backlog: bool = False
    healthy: bool = True
    time_to_claim: Latency = Latency()
    time_to_start: Latency = Latency()
    forced_stops: int = 0
    active_at: datetime | None = None
    stale: bool = False
