"""What may be said when a run or a job is made, by the names of the API; durations are seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Required, TypedDict

Action = Literal["cancel", "replay", "requeue", "discard", "resolve", "retry"]
Risk = Literal["low", "medium", "high", "critical"]
OnReject = Literal["continue", "cancel"]
ApprovalState = Literal["pending", "approved", "rejected", "canceled"]
Severity = Literal["error", "warning", "info"]
WaitState = Literal["waiting", "received", "timed_out", "canceled"]
Condition = Literal["completed", "failed", "any"]
Preset = Literal["micro", "small-1x", "small-2x", "medium-1x", "medium-2x", "large-1x", "large-2x"]
ActionResult = Literal["success", "failure", "pending"]


class RetryFields(TypedDict, total=False):
    """How failed attempts are retried."""

    max_attempts: int
    backoff: Literal["exponential", "linear", "fixed", "custom"]
    initial_seconds: float
    min_seconds: float
    max_seconds: float
    delays_seconds: list[float]
    jitter: float
    non_retryable: list[str]
    dead_letter: bool
    priority_boost: int


class ConcurrencyFields(TypedDict, total=False):
    """How many runs may be held by executors at one time, over all and by `concurrency_key`."""

    max: int | None
    max_per_key: int | None


class RateLimitFields(TypedDict, total=False):
    """How many runs of a job may be made (`refuse`) or started (`hold`) in a window."""

    max: int
    window_seconds: float
    mode: Literal["hold", "refuse"]


class GuardFields(TypedDict, total=False):
    """What an agent at work may use."""

    max_tokens: int | None
    max_cost_micro_usd: int | None
    max_tool_calls: int | None
    allowed_tools: list[str]
    blocked_tools: list[str]


class SettingsFields(TypedDict, total=False):
    """What jobs define and a run may override, but for limits on how many are held at a time."""

    queue: str
    executor: str
    capabilities: list[str]
    priority: int
    retry: RetryFields
    timeout_seconds: float | None
    heartbeat_seconds: float | None
    lease_seconds: float
    ttl_seconds: float | None
    tags: list[str] | dict[str, str]
    metadata: dict[str, Any]
    idempotency_ttl_seconds: float | None
    version_policy: Literal["pin", "latest", "minor"]
    adaptive_timeout: bool
    guards: GuardFields


class HttpFields(TypedDict, total=False):
    """The endpoint that runs are posted to."""

    url: Required[str]
    fallback_url: str | None
    secret: str | None


class ManagedFields(TypedDict, total=False):
    """The program that the server itself runs."""

    image: Required[str]
    preset: str


class WebhookFields(TypedDict, total=False):
    """Who is told when a run ends."""

    url: Required[str]
    secret: str | None


class CronFields(TypedDict, total=False):
    """When runs are made by the clock."""

    expression: Required[str]
    overlap: Literal["allow", "skip", "cancel"]
    catch_up: Literal["one", "none"]


class BatchFields(TypedDict, total=False):
    """Triggers with one key are gathered and make one run."""

    window_seconds: Required[float]
    max: int | None


class DefinitionFields(SettingsFields, total=False):
    """What a job fixes, but for the same."""

    description: str
    rate_limit: RateLimitFields | None
    payload_schema: dict[str, Any] | bool | None
    output_schema: dict[str, Any] | bool | None
    enabled: bool
    title: str
    http: HttpFields | None
    managed: ManagedFields | None
    webhook: WebhookFields | None
    cron: CronFields | None
    timezone: str | None
    window: str | None
    environment_id: str | None
    dedup_seconds: float | None
    debounce_seconds: float | None
    batch: BatchFields | None
    backwards_compatible: bool


class JobFields(DefinitionFields, total=False):
    """What a job fixes."""

    concurrency: ConcurrencyFields


class ChildFields(SettingsFields, total=False):
    """What a child of a run may be made with, besides its job and payload."""

    concurrency: ConcurrencyFields
    idempotency_key: str | None
    concurrency_key: str | None
    delay_seconds: float | None
    available_at: datetime | None
    expires_at: datetime | None


class TriggerFields(ChildFields, total=False):
    """What a trigger may say, besides its payload; the keys tell which triggers of the job belong together."""

    debounce_key: str | None
    batch_key: str | None
    dry_run: bool


class RunFields(ChildFields, total=False):
    """What a run may be made with, besides its payload."""

    job: str | None
    job_id: str | None
    parent_id: str | None
    continuation_of: str | None
    draft: bool


class NewRun(RunFields, total=False):
    """A run to make in a call that makes many."""

    payload: Any


class LogFields(TypedDict, total=False):
    """A line for a run's log."""

    message: Required[str]
    level: str
    type: str
    data: Any
    at: datetime


class FindingFields(TypedDict, total=False):
    """One thing an agent found; `id` tells it apart from others of the run, else what it says does."""

    severity: Required[Severity]
    type: Required[str]
    message: Required[str]
    id: str | None
    rule: str | None
    file: str | None
    line: int | None
    suggestion: str | None


class ProjectSettings(TypedDict, total=False):
    """What a project limits for all of its runs; None is no limit."""

    timezone: str
    max_queued: int | None
    max_running: int | None
    daily_cost_micro_usd: int | None
    max_run_cost_micro_usd: int | None
    max_run_tokens: int | None
    max_event_waits: int | None
    organization: str


class RunFilter(TypedDict, total=False):
    """Which runs a list or a bulk action is about."""

    state: str | list[str] | tuple[str, ...] | set[str] | frozenset[str]
    job: str
    queue: str
    tag: str | list[str]
    parent_id: str
    task_id: str
    batch_id: str
    outcome: Literal["failed", "succeeded", "canceled", "unresolved"]
    error_class: str
    resolved: bool
    created_after: datetime | str
    created_before: datetime | str
    payload: dict[str, Any]
    metadata: dict[str, Any]
