"""What runs wait for and what hangs on them: dependencies of jobs, event waits, spawned and continued runs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.strait.wire.values import NOTHING, Priority, Time

WaitSeconds = Annotated[int, Meta(ge=1, le=2_592_000)]
Slug = Annotated[str, Meta(min_length=1, max_length=128)]


class JobDependency(msgspec.Struct, kw_only=True):
    """Runs of a job wait for those of another."""

    id: str
    job_id: str
    depends_on_job_id: str
    condition: str
    created_at: Time


class CreateJobDependencyRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The job to wait for, and how its last run has to end."""

    depends_on_job_id: Annotated[str, Meta(min_length=1, max_length=128)]
    condition: Literal["completed", "failed", "any"] = "completed"


class RunDependencyStatus(msgspec.Struct, kw_only=True):
    """What a run's job depends on, and whether all of it is met for the run now."""

    run_id: str
    job_id: str
    status: str
    dependencies: list[JobDependency]
    dependencies_satisfied: bool


class EventTrigger(msgspec.Struct, kw_only=True):
    """A run that waits for an event, or waited for it."""

    id: str
    event_key: str
    project_id: str
    source_type: str = "job_run"
    job_run_id: str
    status: str
    request_payload: Raw | UnsetType = UNSET
    response_payload: Raw | UnsetType = UNSET
    timeout_secs: int
    requested_at: Time
    received_at: Time | UnsetType = UNSET
    expires_at: Time
    error: str | UnsetType = UNSET
    notify_url: str | UnsetType = UNSET
    notify_status: str | UnsetType = UNSET
    trigger_type: str = "event"
    sent_by: str | UnsetType = UNSET


class SendEventRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What comes with the event."""

    payload: Raw = NOTHING


class SendEventByPrefixResponse(msgspec.Struct, kw_only=True):
    """How many waits were answered, and the first of them."""

    resolved: int
    triggers: list[EventTrigger]


class PurgeEventsRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which finished waits are to go."""

    older_than_days: Annotated[int, Meta(ge=1, le=36_500)]
    dry_run: bool = False


class PurgeEventsResponse(msgspec.Struct, kw_only=True):
    """How many went, or would go."""

    deleted: int = 0
    dry_run: bool
    would_delete: int | UnsetType = UNSET


class EventTriggerStats(msgspec.Struct, kw_only=True):
    """How many waits there are, counted up to a bound, and how long the last answered ones took."""

    total_count: int
    waiting_count: int
    received_count: int
    timed_out_count: int
    canceled_count: int
    avg_wait_duration_secs: float


class SDKSpawnRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A child to be made; in another project with a key of that project."""

    job_slug: Slug
    project_id: Slug
    payload: Raw = NOTHING
    await_completion: bool = False
    await_timeout_secs: WaitSeconds | None = None
    target_api_key: str | None = None
    priority: Priority | None = None


class SDKSpawnResponse(msgspec.Struct, kw_only=True):
    """The child."""

    id: str
    job_id: str
    project_id: str
    status: str
    parent_run_id: str
    triggered_by: str = "spawn"
    await_completion: bool
    await_event_key: str | UnsetType = UNSET


class SDKContinueRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The payload to go on with; the run's own without one."""

    payload: Raw = NOTHING


class SDKWaitForEventRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The event to wait for."""

    event_key: Annotated[str, Meta(min_length=1, max_length=512)]
    timeout_secs: WaitSeconds | None = None
    notify_url: str | None = None


class SDKWaitForEventResponse(msgspec.Struct, kw_only=True):
    """The run waits."""

    status: str = "waiting"
    event_key: str
    expires_at: Time
    trigger_id: str
