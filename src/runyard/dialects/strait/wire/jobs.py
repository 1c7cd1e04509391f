"""Jobs and their versions (contract §22)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runyard.dialects.strait.wire.values import Time

Name = Annotated[str, Meta(min_length=1, max_length=255)]
Slug = Annotated[str, Meta(min_length=1, max_length=128)]
Url = Annotated[str, Meta(max_length=2048)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[int, Meta(ge=0, le=10 * 366 * 86400)]
Spell = Annotated[int, Meta(ge=1, le=10 * 366 * 86400)]
JobTags = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=64)], Annotated[str, Meta(max_length=256)]], Meta(max_length=20)
]


class RateLimitKey(msgspec.Struct, kw_only=True):
    """A further rate limit: kept and shown, not enforced (contract §5)."""

    name: str
    max: int
    window_secs: int


class JobFields(msgspec.Struct, kw_only=True):
    """What a job is made of and what may be changed. Null says nothing, but for schemas, which it removes."""

    group_id: str | None | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=4096)] | None | UnsetType = UNSET
    cron: str | None | UnsetType = UNSET
    """Five fields; empty is no schedule."""
    payload_schema: Any | UnsetType = UNSET
    """JSON Schema, of which `type`, `required`, `properties` and `items` count."""
    tags: JobTags | None | UnsetType = UNSET
    endpoint_url: Url | None | UnsetType = UNSET
    fallback_endpoint_url: Url | None | UnsetType = UNSET
    max_attempts: Annotated[int, Meta(ge=1, le=100)] | None | UnsetType = UNSET
    timeout_secs: Spell | None | UnsetType = UNSET
    max_concurrency: Count | None | UnsetType = UNSET
    max_concurrency_per_key: Count | None | UnsetType = UNSET
    execution_window_cron: str | None | UnsetType = UNSET
    timezone: str | None | UnsetType = UNSET
    rate_limit_max: Count | None | UnsetType = UNSET
    rate_limit_window_secs: Seconds | None | UnsetType = UNSET
    rate_limit_keys: Annotated[list[RateLimitKey], Meta(max_length=20)] | None | UnsetType = UNSET
    dedup_window_secs: Seconds | None | UnsetType = UNSET
    run_ttl_secs: Seconds | None | UnsetType = UNSET
    retry_strategy: Literal["exponential", "linear", "fixed", "custom"] | None | UnsetType = UNSET
    retry_delays_secs: Annotated[list[Spell], Meta(max_length=100)] | None | UnsetType = UNSET
    environment_id: str | None | UnsetType = UNSET
    version_policy: Literal["pin", "latest", "minor"] | None | UnsetType = UNSET
    default_run_metadata: dict[str, str] | None | UnsetType = UNSET
    result_schema: Any | UnsetType = UNSET
    skip_if_running: bool | None | UnsetType = UNSET
    debounce_window_secs: Seconds | None | UnsetType = UNSET
    batch_window_secs: Seconds | None | UnsetType = UNSET
    batch_max_size: Count | None | UnsetType = UNSET
    execution_mode: Literal["http", "managed"] | None | UnsetType = UNSET
    machine_preset: (
        Literal["micro", "small-1x", "small-2x", "medium-1x", "medium-2x", "large-1x", "large-2x"] | None | UnsetType
    ) = UNSET
    image_uri: str | None | UnsetType = UNSET
    region: str | None | UnsetType = UNSET
    preferred_regions: list[str] | None | UnsetType = UNSET
    webhook_url: Url | None | UnsetType = UNSET
    retry_priority_boost: Annotated[int, Meta(ge=0, le=10)] | None | UnsetType = UNSET
    on_complete_trigger_workflow: str | None | UnsetType = UNSET
    on_complete_payload_mapping: Any | UnsetType = UNSET
    max_tokens_per_run: Count | None | UnsetType = UNSET
    max_tool_calls_per_run: Count | None | UnsetType = UNSET
    max_iterations_per_run: Count | None | UnsetType = UNSET
    allowed_tools: list[str] | None | UnsetType = UNSET
    blocked_tools: list[str] | None | UnsetType = UNSET
    backwards_compatible: bool | None | UnsetType = UNSET


class CreateJobRequest(JobFields, kw_only=True):
    """A job to make; `endpoint_url` is required unless it is managed."""

    name: Name
    slug: Slug
    project_id: str | None = None
    """The key's own project; may be left out."""
    enabled: bool | None = None
    webhook_secret: str | None = None


class UpdateJobRequest(JobFields, kw_only=True):
    """What to change of a job; whatever it is, a new version comes of it."""

    name: Name | None = None
    slug: Slug | None = None
    enabled: bool | None = None
    webhook_secret: str | None = None


class Job(JobFields, kw_only=True):
    """A reusable, versioned definition of how to run something."""

    id: str
    project_id: str
    name: str
    slug: str
    enabled: bool
    version: int
    version_id: str
    created_at: Time
    updated_at: Time


class JobVersion(msgspec.Struct, kw_only=True):
    """A superseded configuration of a job."""

    id: str
    job_id: str
    version: int
    version_id: str
    backwards_compatible: bool
    name: str
    slug: str
    description: str | UnsetType = UNSET
    cron: str | UnsetType = UNSET
    payload_schema: Any | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    endpoint_url: str
    fallback_endpoint_url: str | UnsetType = UNSET
    max_attempts: int
    timeout_secs: int
    webhook_url: str | UnsetType = UNSET
    run_ttl_secs: int | UnsetType = UNSET
    machine_preset: str | UnsetType = UNSET
    image_uri: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    created_at: Time


class CloneJobRequest(msgspec.Struct, kw_only=True):
    """The names of a copy."""

    name: Name
    slug: Slug


class BatchCreateJobsRequest(msgspec.Struct, kw_only=True):
    """Up to 50 jobs to make, each by itself."""

    jobs: Annotated[list[CreateJobRequest], Meta(min_length=1, max_length=50)]


class BatchError(msgspec.Struct, kw_only=True):
    """Why the job at this place was not made."""

    index: int
    message: str


class BatchCreateJobsResponse(msgspec.Struct, kw_only=True):
    """The jobs that were made, and why the others were not; when none was, an error too."""

    created: list[Job]
    errors: list[BatchError]
    error: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


class BatchJobIDsRequest(msgspec.Struct, kw_only=True):
    """Up to 50 jobs."""

    ids: Annotated[list[str], Meta(min_length=1, max_length=50)]


class BatchUpdateResult(msgspec.Struct, kw_only=True):
    """How many of the ids are jobs of this project."""

    updated: int


class JobHealth(msgspec.Struct, kw_only=True):
    """How the job's runs that ended in the window fared; at most 10,000 runs count, the last ones."""

    job_id: str
    window: Literal["1h", "1d", "7d", "30d"]
    since: Time
    total_runs: int
    completed_runs: int
    failed_runs: int
    """Dead letters and failures of the system too."""
    timed_out_runs: int
    crashed_runs: int
    canceled_runs: int
    expired_runs: int
    success_rate: float
    """From 0 to 1, of the runs that nobody canceled."""
    avg_duration_secs: float
    p95_duration_secs: float
    p99_duration_secs: float
    health_score: float
    """From 0 to 100."""
