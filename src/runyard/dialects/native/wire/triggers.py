"""Triggers and schedules of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.jobs import Settings
from runyard.dialects.native.wire.runs import Run
from runyard.dialects.native.wire.values import Seconds

Key = Annotated[str, Meta(min_length=1, max_length=256)]


class TriggerIn(Settings, kw_only=True, omit_defaults=True):
    """A run asked of a job by a trigger: its debounce and batching act, besides what holds for every new run."""

    payload: Raw = Raw(b"{}")
    """Written with sorted keys and without white space before it is kept."""
    idempotency_key: Key | None = None
    concurrency_key: Key | None = None
    delay_seconds: Seconds | None = None
    available_at: datetime | None = None
    expires_at: datetime | None = None
    debounce_key: Key | None = None
    """Which triggers follow each other, where the job is debounced."""
    batch_key: Key | None = None
    """Which triggers are gathered, where the job is batched."""
    dry_run: bool = False
    """Only say what would be made."""


class TriggerOut(msgspec.Struct, kw_only=True):
    """What became of a trigger."""

    outcome: Literal["created", "duplicate", "flushed", "debounced", "buffered", "checked"]
    """`duplicate`: its key or an equal payload has this run; `flushed`: it filled a batch, which made this run."""
    run: Run | None
    """For `checked` the run as it would be made; nothing is kept under its id."""
    payload_hash: str | None
    """SHA-256 of the payload as it is kept."""
    fire_at: datetime | None
    """When a debounced trigger makes its run unless another follows."""
    warnings: list[str]


class Schedule(msgspec.Struct, kw_only=True):
    """When a job makes runs by the clock."""

    job: str
    job_id: str
    cron: str
    timezone: str
    """The job's, else its project's."""
    overlap: Literal["allow", "skip", "cancel"]
    catch_up: Literal["one", "none"]
    next: list[datetime]
    last_at: datetime | None
    """The last tick that made a run or was dropped."""
