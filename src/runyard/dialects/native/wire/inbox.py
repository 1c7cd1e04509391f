"""Inboxes, and how all tasks stand."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.dialects.native.wire.tasks import Task

InboxLane = Literal["my_work", "approvals", "failed_runs", "blocked", "archived"]
TriageVerb = Literal["read", "archive", "dismiss"]
Reason = Literal["awaiting_approval", "approval_rejected", "latest_run_failed", "awaiting_dependencies"]
Origin = Literal["cli", "web", "uds", "http", "automation", "extension", "network", "agent_session", "daemon"]


class TriageIn(msgspec.Struct, kw_only=True):
    """What to do: `read` and `dismiss` hold until something happens to the task, `archive` for good."""

    verb: TriageVerb


class Triage(msgspec.Struct, kw_only=True):
    """What the caller has seen of a task."""

    task_id: str
    read: bool
    """Whether nothing happened to the task since."""
    archived: bool
    dismissed: bool
    """Whether it is out of sight."""
    seen_at: datetime
    """When something last had happened to the task as it was looked at."""
    updated_at: datetime


class InboxItem(msgspec.Struct, kw_only=True):
    """A task in an inbox."""

    task: Task
    reason: Reason | None
    """Why it does not go on."""
    latest_run: TaskRun | None
    triage: Triage | None
    """What the caller has seen of it; null when they never looked."""


class InboxGroup(msgspec.Struct, kw_only=True):
    """A lane of an inbox, what was not read first, then the latest activity."""

    lane: InboxLane
    count: int
    unread: int
    items: list[InboxItem]
    next_cursor: str | None
    """For the next page of this lane."""


class Inbox(msgspec.Struct, kw_only=True):
    """What waits for the caller."""

    total: int
    unread: int
    archived: int
    lanes: list[InboxGroup]


class Latency(msgspec.Struct, kw_only=True):
    """How long something took."""

    samples: int
    mean_seconds: float
    longest_seconds: float


class QueueDepth(msgspec.Struct, kw_only=True):
    """What is queued in a channel."""

    channel: str | None
    queued: int
    oldest_at: datetime


class ActiveRun(msgspec.Struct, kw_only=True):
    """A run under way."""

    task: Task
    run: TaskRun
    since: datetime
    """Since when it is where it is."""
    stuck: bool
    """Whether that is suspiciously long."""


class TaskStats(msgspec.Struct, kw_only=True):
    """How tasks and their runs stand."""

    as_of: datetime
    tasks: dict[str, int]
    """By status."""
    awaiting_approval: int
    """Of the blocked ones; one may wait for both."""
    awaiting_dependencies: int
    paused: int
    runs: dict[str, int]
    """By how far they are."""
    queue: list[QueueDepth]
    active: list[ActiveRun]
    """A few of those under way, the farthest first."""
    stuck_runs: int
    orphan_runs: int
    """Worked on in no session that is there."""
    backlog: bool
    """Whether a run has been queued for ten minutes or longer."""
    healthy: bool
    """No run is stuck or an orphan, and there is no backlog."""
    time_to_claim: Latency
    time_to_start: Latency
    """From the claim on."""
    forced_stops: int
    """Sessions stopped by force since the server was started."""
    active_at: datetime | None
    """When something last happened."""
    stale: bool
    """Whether nothing happened for two minutes though runs are under way."""
