"""What runs wait for: other jobs, and events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.values import NOTHING, Name


class DependencyIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The job to wait for (its name or id), and how its last run has to end."""

    depends_on: Name
    condition: Literal["completed", "failed", "any"] = "completed"


class Dependency(msgspec.Struct, kw_only=True):
    """New runs of a job wait until the run of another that ended last ended so."""

    id: str
    job_id: str
    depends_on: str
    condition: Literal["completed", "failed", "any"]
    created_at: datetime


class RunDependency(msgspec.Struct, kw_only=True):
    """A dependency of a run's job, and whether it is met for the run now."""

    dependency: Dependency
    met: bool


class RunDependencies(msgspec.Struct, kw_only=True):
    """What a run's job depends on; `met` when nothing of it stands in the run's way now."""

    met: bool
    dependencies: list[RunDependency]


class EventWait(msgspec.Struct, kw_only=True):
    """A run that waits for an event, or waited for it."""

    id: str
    key: str
    run_id: str
    state: Literal["waiting", "received", "timed_out", "canceled"]
    request: Raw | None
    payload: Raw | None
    """What came."""
    requested_at: datetime
    expires_at: datetime
    received_at: datetime | None
    sent_by: str | None


class EventIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An event for the run that waits under this key."""

    key: Annotated[str, Meta(min_length=1, max_length=512)]
    payload: Raw = NOTHING


class EventKey(msgspec.Struct, kw_only=True):
    """The key of an event."""

    key: Annotated[str, Meta(min_length=1, max_length=512)]
