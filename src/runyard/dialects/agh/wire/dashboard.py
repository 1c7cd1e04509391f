"""Shapes of the dashboard. Fields with a default are left out where they have it (contract §1)."""

from __future__ import annotations

import msgspec

from runyard.dialects.agh.wire.tasks import Ownership


class Totals(msgspec.Struct, kw_only=True):
    """How many tasks and runs there are."""

    tasks_total: int
    runs_total: int
    draft_tasks: int
    pending_tasks: int
    ready_tasks: int
    in_progress_tasks: int
    blocked_tasks: int
    completed_tasks: int
    failed_tasks: int
    canceled_tasks: int
    awaiting_approval_tasks: int
    dependency_blocked_tasks: int
    queued_runs: int
    claimed_runs: int
    starting_runs: int
    running_runs: int
    completed_runs: int
    failed_runs: int
    canceled_runs: int
    active_runs: int


class InProgressCard(msgspec.Struct, kw_only=True):
    """What is under way."""

    tasks: int
    active_runs: int
    running_runs: int
    starting_runs: int
    claimed_runs: int
    queued_runs: int
    health_status: str


class BlockedCard(msgspec.Struct, kw_only=True):
    """What is blocked, and by what."""

    tasks: int
    awaiting_approval: int
    awaiting_dependencies: int
    health_status: str


class FailedCard(msgspec.Struct, kw_only=True):
    """What failed."""

    tasks: int
    failed_runs: int
    forced_stops: int
    health_status: str


class Latency(msgspec.Struct, kw_only=True):
    """How long something took."""

    samples: int
    average_ms: int
    maximum_ms: int


class LatencyCard(msgspec.Struct, kw_only=True):
    """How long runs waited to be claimed, and then to be started."""

    claim_latency_ms: Latency
    start_latency_ms: Latency


class Cards(msgspec.Struct, kw_only=True):
    """The same in four views."""

    in_progress: InProgressCard
    blocked: BlockedCard
    failed: FailedCard
    latency: LatencyCard


class Share(msgspec.Struct, kw_only=True):
    """How many tasks have a status."""

    status: str
    count: int
    share_percent: int


class QueueDepth(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is queued in a channel, or in none."""

    count: int
    oldest_queued_at: str
    oldest_queue_age_ms: int
    network_channel: str = ""


class Queue(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is queued."""

    total: int
    oldest_queued_at: str
    oldest_queue_age_ms: int
    backlog_warning: bool
    backlog_status: str
    backlog_threshold_ms: int
    depth: list[QueueDepth] = []


class Health(msgspec.Struct, kw_only=True):
    """Whether anything seems to be wrong."""

    status: str
    stuck_runs: int
    active_orphan_runs: int
    queue_backlog: bool


class ActiveRun(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run under way."""

    task_id: str
    task_title: str
    task_status: str
    scope: str
    latest_event_seq: int
    run_id: str
    run_status: str
    attempt: int
    max_attempts: int
    last_activity_at: str
    age_ms: int
    health_status: str
    stuck: bool
    task_identifier: str = ""
    task_priority: str = ""
    task_owner: Ownership | None = None
    workspace_id: str = ""
    session_id: str = ""
    network_channel: str = ""
    error: str = ""


class ActiveRuns(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many runs are under way, and a few of them."""

    total: int
    running: int
    starting: int
    claimed: int
    queued: int
    items: list[ActiveRun] = []


class Freshness(msgspec.Struct, kw_only=True):
    """When something last happened."""

    observed_at: str
    latest_activity_at: str
    age_ms: int
    stale_after_ms: int
    has_live_work: bool
    status: str
    stale: bool


class Dashboard(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How all tasks stand."""

    totals: Totals
    cards: Cards
    queue: Queue
    health: Health
    active_runs: ActiveRuns
    freshness: Freshness
    status_breakdown: list[Share] = []


class DashboardAnswer(msgspec.Struct, kw_only=True):
    """How all tasks stand."""

    dashboard: Dashboard
