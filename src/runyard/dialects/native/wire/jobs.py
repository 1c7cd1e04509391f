"""Jobs, and what they fix for their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.native.wire.values import Name, Priority, Seconds, Tags, Text


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


class JobSpec(Settings, kw_only=True, omit_defaults=True):
    """Everything a job version fixes."""

    description: Text | UnsetType = UNSET
    rate_limit: RateLimit | None | UnsetType = UNSET
    payload_schema: dict[str, Any] | bool | None | UnsetType = UNSET
    output_schema: dict[str, Any] | bool | None | UnsetType = UNSET


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
