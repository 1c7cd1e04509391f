"""One verb for many runs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runyard.dialects.strait.wire.runs import JobRun, RunStatus

RunIds = Annotated[list[str], Meta(min_length=1, max_length=100)]


class BulkCancelRequest(msgspec.Struct, kw_only=True):
    """Which runs to cancel."""

    run_ids: RunIds


class BulkCancelItem(msgspec.Struct, kw_only=True):
    """What became of one run: `canceled`, or the status it keeps and why."""

    id: str
    status: str
    error: str | UnsetType = UNSET


class BulkCancelResponse(msgspec.Struct, kw_only=True):
    """What became of each."""

    results: list[BulkCancelItem]
    total: int
    canceled: int
    failed: int
    run_ids: list[str] | UnsetType = UNSET


class BulkCancelAllRequest(msgspec.Struct, kw_only=True):
    """Which runs to cancel, of those nobody has begun to work on: at least one of these."""

    job_id: str | None = None
    batch_id: str | None = None
    triggered_by: str | None = None
    status: RunStatus | None = None


class BulkReplayRequest(msgspec.Struct, kw_only=True):
    """Which runs to replay."""

    run_ids: RunIds


class BulkDLQReplayRequest(msgspec.Struct, kw_only=True):
    """Which dead letters to queue again: those named, or the oldest of a project."""

    run_ids: Annotated[list[str], Meta(max_length=500)] | None = None
    project_id: str | None = None
    limit: Annotated[int, Meta(ge=0, le=500)] | None = None


class BulkDLQReplayResponse(msgspec.Struct, kw_only=True):
    """The runs that are queued again."""

    replayed: list[JobRun]
    count: int
