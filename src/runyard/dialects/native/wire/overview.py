"""Many runs at once: the dead letter by cause, bulk actions, counts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.values import Text


class DeadGroup(msgspec.Struct, kw_only=True):
    """Dead letters of one job that failed alike: the same message but for numbers and ids."""

    error_class: str
    message: str
    job: str | None
    count: int
    first_at: datetime
    last_at: datetime
    sample_run_id: str


class DeadGroups(msgspec.Struct, kw_only=True):
    """What went wrong, most frequent first; not `complete` when only the newest dead letters were looked at."""

    data: list[DeadGroup]
    examined: int
    complete: bool
    next_cursor: str | None = None


class RunFilter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which runs are meant: the filters of the list of runs, in the same words."""

    state: str | list[str] | None = None
    job: str | None = None
    queue: str | None = None
    tag: str | list[str] | None = None
    parent_id: str | None = None
    task_id: str | None = None
    batch_id: str | None = None
    outcome: Literal["failed", "succeeded", "canceled", "unresolved"] | None = None
    error_class: str | None = None
    resolved: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    payload: str | None = None
    metadata: str | None = None


class BulkIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An action for many runs: those named by `ids`, or all that meet `filter`."""

    action: Literal["cancel", "replay", "requeue", "discard", "resolve", "retry"]
    ids: Annotated[list[str], Meta(min_length=1, max_length=10_000)] | None = None
    filter: RunFilter | None = None
    dry_run: bool = False
    reason: Text | None = None


class Bulk(msgspec.Struct, kw_only=True):
    """An action for many runs, and how far it is; `errors` tells of the first hundred runs that refused."""

    id: str
    project: str
    action: str
    state: str
    total: int
    done: int
    failed: int
    errors: Raw
    dry_run: bool
    reason: str | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class Stats(msgspec.Struct, kw_only=True):
    """How many runs there are. What is named in `more` (outcomes as `ended:<state>`) has at least the number given."""

    since: datetime
    states: dict[str, int]
    """In each state now."""
    outcomes: dict[str, int]
    """Ended since then: succeeded, failed, canceled."""
    ended: dict[str, int]
    """Ended since then, by state."""
    more: list[str]


class Queue(msgspec.Struct, kw_only=True):
    """How a queue stands; with `more` at least the numbers given."""

    queue: str
    ready: int
    held: int
    running: int
    oldest_ready_at: datetime | None
    more: bool


class Queues(msgspec.Struct, kw_only=True):
    """The queues, by name."""

    data: list[Queue]
    next_cursor: str | None = None
