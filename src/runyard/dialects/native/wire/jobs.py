"""Jobs, and what they fix for their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.native.wire.values import Count, Name, Priority, Seconds, Tags, Text

Url = Annotated[str, Meta(min_length=1, max_length=2048)]
Tools = Annotated[list[Annotated[str, Meta(min_length=1, max_length=256)]], Meta(max_length=256)]


class Retry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How failed attempts are retried."""

    max_attempts: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    backoff: Literal["exponential", "linear", "fixed", "custom"] | UnsetType = UNSET
    initial_seconds: Seconds | UnsetType = UNSET
    min_seconds: Seconds | UnsetType = UNSET
    max_seconds: Seconds | UnsetType = UNSET
    delays_seconds: Annotated[list[Seconds], Meta(max_length=100)] | UnsetType = UNSET
    jitter: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    non_retryable: Annotated[list[Name], Meta(max_length=64)] | UnsetType = UNSET
    dead_letter: bool | UnsetType = UNSET
    """Whether a run whose attempts are used up waits in the dead letter (default) or ends as failed."""
    priority_boost: Priority | UnsetType = UNSET


class Concurrency(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many runs may be held by executors at one time."""

    max: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Over all runs of the job."""
    max_per_key: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Over the runs that share a `concurrency_key` (within the job; within the project for runs without one)."""


class RateLimit(msgspec.Struct, kw_only=True):
    """How many runs of the job may be made (`refuse`) or started (`hold`) in a window."""

    max: Annotated[int, Meta(ge=1, le=1_000_000)]
    window_seconds: Annotated[float, Meta(gt=0, le=31 * 86400)]
    mode: Literal["hold", "refuse"] = "hold"


class Guards(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an agent at work may use; what is over it is refused."""

    max_tokens: Count | None = None
    max_cost_micro_usd: Count | None = None
    max_tool_calls: Count | None = None
    allowed_tools: Tools = []
    """When there are any, no other tool may be reported."""
    blocked_tools: Tools = []


class Settings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What jobs define and a run may override."""

    queue: Name | UnsetType = UNSET
    executor: Name | UnsetType = UNSET
    capabilities: Annotated[list[Name], Meta(max_length=32)] | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    retry: Retry | UnsetType = UNSET
    timeout_seconds: Seconds | None | UnsetType = UNSET
    heartbeat_seconds: Seconds | None | UnsetType = UNSET
    lease_seconds: Annotated[float, Meta(ge=1, le=86400)] | UnsetType = UNSET
    ttl_seconds: Seconds | None | UnsetType = UNSET
    concurrency: Concurrency | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    idempotency_ttl_seconds: Seconds | None | UnsetType = UNSET
    """How long after its end a run still answers for its idempotency key (default one day); null is for ever."""
    version_policy: Literal["pin", "latest", "minor"] | UnsetType = UNSET
    """At its claim a run keeps the version it was made from, takes the newest, or takes that if it is compatible."""
    adaptive_timeout: bool | UnsetType = UNSET
    """Whether the timeout grows to one and a half times what 95 % of the job's runs of the last day needed."""
    guards: Guards | UnsetType = UNSET


class Http(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The endpoint that runs are posted to."""

    url: Url
    fallback_url: Url | None = None
    """Tried once in the same attempt when the first cannot be reached or is overloaded."""
    secret: Annotated[str, Meta(min_length=1, max_length=512)] | None | UnsetType = UNSET
    """Signs requests; kept sealed and never shown. Left out it stays as it is, null removes it."""


class Managed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The program that the server itself runs, in a sandbox."""

    image: Annotated[str, Meta(min_length=1, max_length=4096)]
    preset: Name = "micro"


class Webhook(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who is told when a run ends."""

    url: Url
    secret: Annotated[str, Meta(min_length=1, max_length=512)] | None | UnsetType = UNSET
    """Signs messages; kept sealed and never shown. Left out it stays as it is, null removes it."""


class Cron(msgspec.Struct, kw_only=True, omit_defaults=True):
    """When runs are made by the clock."""

    expression: Annotated[str, Meta(min_length=1, max_length=200)]
    """Five fields."""
    overlap: Literal["allow", "skip", "cancel"] = "allow"
    """While runs of the job are live a tick makes another, makes none, or cancels those first."""
    catch_up: Literal["one", "none"] = "one"
    """After a downtime: one run for all the ticks that were missed, or none."""


class Batch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Triggers with one key are gathered and make one run."""

    window_seconds: Annotated[float, Meta(gt=0, le=31 * 86400)]
    max: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """How many make the run at once."""


class JobSpec(Settings, kw_only=True, omit_defaults=True):
    """Everything a job version fixes."""

    description: Text | UnsetType = UNSET
    rate_limit: RateLimit | None | UnsetType = UNSET
    payload_schema: dict[str, Any] | bool | None | UnsetType = UNSET
    output_schema: dict[str, Any] | bool | None | UnsetType = UNSET
    title: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    """What people call the job; its name is what programs call it."""
    http: Http | None | UnsetType = UNSET
    """For executor `http`."""
    managed: Managed | None | UnsetType = UNSET
    """For executor `managed`."""
    webhook: Webhook | None | UnsetType = UNSET
    cron: Cron | None | UnsetType = UNSET
    timezone: Annotated[str, Meta(max_length=128)] | None | UnsetType = UNSET
    """IANA zone of `cron` and `window`; null is the project's."""
    window: Annotated[str, Meta(max_length=200)] | None | UnsetType = UNSET
    """A cron expression: runs begin only in minutes that match it."""
    environment_id: Annotated[str, Meta(max_length=64)] | None | UnsetType = UNSET
    dedup_seconds: Seconds | None | UnsetType = UNSET
    """For so long an equal payload is answered with the run that it made first."""
    debounce_seconds: Seconds | None | UnsetType = UNSET
    """Triggers with one key wait until none came for so long; the last one makes the run."""
    batch: Batch | None | UnsetType = UNSET
    backwards_compatible: bool | UnsetType = UNSET
    """Whether runs of older versions whose version policy is `minor` may take this one."""


class JobIn(JobSpec, kw_only=True, omit_defaults=True):
    """A job to make."""

    name: Name
    enabled: bool = True


class JobPatch(JobSpec, kw_only=True, omit_defaults=True):
    """What to change of a job; every change but `enabled` makes a new version."""

    enabled: bool | UnsetType = UNSET


class Job(msgspec.Struct, kw_only=True):
    """A reusable, versioned definition of how to run something."""

    id: str
    project: str
    name: str
    version: int
    enabled: bool
    spec: Raw
    created_at: datetime
    updated_at: datetime


class JobVersion(msgspec.Struct, kw_only=True):
    """One version of a job's definition."""

    job_id: str
    version: int
    spec: Raw
    created_at: datetime
    created_by: str | None


class JobHealth(msgspec.Struct, kw_only=True):
    """How the job's runs that ended in the window fared; at most 10,000 runs count, the last ones."""

    job_id: str
    since: datetime
    ended: dict[str, int]
    """By state."""
    success_rate: float
    """From 0 to 1, of the runs that nobody canceled."""
    average_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None


class SecretIn(msgspec.Struct, kw_only=True):
    """A secret's value; it is kept sealed and in no answer."""

    value: Annotated[str, Meta(min_length=1, max_length=8192)]


class Secret(msgspec.Struct, kw_only=True):
    """A secret of a job, without its value."""

    name: str
    updated_at: datetime


class EnvironmentIn(msgspec.Struct, kw_only=True):
    """The variables of an environment: all of them; values are kept sealed and in no answer."""

    variables: Annotated[dict[Name, Annotated[str, Meta(min_length=1, max_length=8192)]], Meta(max_length=100)]


class Environment(msgspec.Struct, kw_only=True):
    """A named set of variables that jobs are run with, without their values."""

    id: str
    name: str
    variables: list[str]
    created_at: datetime
    updated_at: datetime
