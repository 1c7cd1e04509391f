"""Job runs."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from runyard.dialects.strait.wire.values import NOTHING, Tags, Time

RunStatus = Literal[
    "delayed",
    "queued",
    "dequeued",
    "executing",
    "waiting",
    "completed",
    "failed",
    "timed_out",
    "crashed",
    "system_failed",
    "canceled",
    "expired",
    "dead_letter",
    "replay_staged",
    "paused",
]
MachinePreset = Literal["micro", "small-1x", "small-2x", "medium-1x", "medium-2x", "large-1x", "large-2x"]


class JobRun(msgspec.Struct, kw_only=True):
    """A run as this dialect shows it; what there is nothing to say of is left out."""

    id: str
    job_id: str
    project_id: str
    status: str
    attempt: int
    payload: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    triggered_by: str
    scheduled_at: Time | UnsetType = UNSET
    started_at: Time | UnsetType = UNSET
    finished_at: Time | UnsetType = UNSET
    heartbeat_at: Time | UnsetType = UNSET
    next_retry_at: Time | UnsetType = UNSET
    expires_at: Time | UnsetType = UNSET
    parent_run_id: str | UnsetType = UNSET
    priority: int
    idempotency_key: str | UnsetType = UNSET
    job_version: int
    max_attempts_override: int | UnsetType = UNSET
    timeout_secs_override: int | UnsetType = UNSET
    retry_backoff: str | UnsetType = UNSET
    retry_initial_delay_secs: int | UnsetType = UNSET
    retry_max_delay_secs: int | UnsetType = UNSET
    execution_trace: Raw | UnsetType = UNSET
    debug_mode: bool
    continuation_of: str | UnsetType = UNSET
    lineage_depth: int
    tags: Tags | UnsetType = UNSET
    job_version_id: str | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    batch_id: str | UnsetType = UNSET
    concurrency_key: str | UnsetType = UNSET
    created_at: Time
    error_class: str | UnsetType = UNSET
    execution_mode: str | UnsetType = UNSET
    machine_id: str | UnsetType = UNSET


class RescheduleRequest(msgspec.Struct, kw_only=True):
    """Another time, perhaps another payload."""

    scheduled_at: Time
    payload: Raw = NOTHING


class RestartRequest(msgspec.Struct, kw_only=True):
    """What the run gets when it is started again."""

    machine_preset: MachinePreset | None = None


class IdempotencyResetResponse(msgspec.Struct, kw_only=True):
    """The run's idempotency key is free."""

    run_id: str
    status: str = "reset"
