"""Triggers and batch records (contract §3, §8)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.strait.wire.jobs import Job
from runyard.dialects.strait.wire.values import NOTHING, Priority, Tags, Time

Key = Annotated[str, Meta(max_length=256)]
TagsIn = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=64)], Annotated[str, Meta(max_length=256)]], Meta(max_length=20)
]
Ttl = Annotated[int, Meta(ge=0, le=2_592_000)]


class TriggerItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run to make."""

    payload: Raw = NOTHING
    """Any JSON; `{}` when absent."""
    tags: TagsIn | None = None
    scheduled_at: Time | None = None
    priority: Priority | None = None
    ttl_secs: Ttl | None = None
    """0 is as if it were not there."""
    concurrency_key: Key | None = None
    idempotency_key: Key | None = None
    metadata: Tags | None = None
    """Laid over the job's `default_run_metadata`."""
    dry_run: bool | None = None


class TriggerJobRequest(TriggerItem, kw_only=True, omit_defaults=True):
    """A run to make; the body may be an empty object."""

    debounce_key: Key | None = None
    batch_key: Key | None = None


class BulkTriggerRequest(msgspec.Struct, kw_only=True):
    """Runs to make, all or none."""

    items: Annotated[list[TriggerItem], Meta(min_length=1, max_length=500)]


class TriggerJobResponse(msgspec.Struct, kw_only=True):
    """The run that was made, or that answers in its place."""

    id: str
    status: str
    payload_hash: str | UnsetType = UNSET
    run_token: str | UnsetType = UNSET
    idempotency_hit: bool | UnsetType = UNSET
    batch: bool | UnsetType = UNSET


class TriggerDeferredResponse(msgspec.Struct, kw_only=True):
    """The trigger makes its run later."""

    debounced: bool | UnsetType = UNSET
    fire_at: Time | UnsetType = UNSET
    buffered: bool | UnsetType = UNSET


class TriggerDryRunResponse(msgspec.Struct, kw_only=True):
    """What the trigger would make."""

    job: Job
    payload_hash: str
    payload: Raw
    scheduled_at: Time | UnsetType = UNSET
    expires_at: Time
    validation_warnings: list[str] | UnsetType = UNSET


class BulkTriggerResult(msgspec.Struct, kw_only=True):
    """What became of an item; one that was only tried has no id."""

    id: str
    status: str
    run_token: str
    """Empty unless the run was made now."""
    idempotency_hit: bool


class BulkTriggerResponse(msgspec.Struct, kw_only=True):
    """What became of all items, in their order."""

    batch_id: str
    results: list[BulkTriggerResult]
    total: int
    created: int


class BatchOperation(msgspec.Struct, kw_only=True):
    """A call that triggered many runs."""

    id: str
    project_id: str
    job_id: str
    item_count: int
    created_count: int
    created_by: str | UnsetType = UNSET
    created_at: Time
    finished_at: Time | UnsetType = UNSET
