"""What sessions of agents do with runs of tasks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.dialects.native.wire.tasks import Task
from runyard.dialects.native.wire.values import NOTHING, Name, Text

Lease = Annotated[float, Meta(ge=1, le=86400)]


class SessionIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The session that acts."""

    session_id: Annotated[str, Meta(min_length=1, max_length=128)]


class TaskClaimIn(SessionIn, kw_only=True, omit_defaults=True):
    """Ask for the best run that the session may have."""

    workspace_id: Annotated[str, Meta(max_length=128)] | None = None
    """Checked against the session's, which decides."""
    capabilities: Annotated[list[Name], Meta(max_length=256)] = []
    """What is offered besides what the session says it can do."""
    least_priority: Annotated[int, Meta(ge=0, le=10)] = 0
    lease_seconds: Lease | None = None
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 0


class TaskClaim(msgspec.Struct, kw_only=True):
    """A run handed out, under a lease of the session's."""

    task: Task
    run: TaskRun
    seq: int
    """The number of the newest line of the task's timeline."""


class TaskClaimOut(msgspec.Struct, kw_only=True):
    """What was handed out, if there was anything."""

    claim: TaskClaim | None


class LeaseHeartbeatIn(SessionIn, kw_only=True, omit_defaults=True):
    """The session lives, and wants the lease to last so long from now on."""

    lease_seconds: Lease | None = None


class TaskCompleteIn(SessionIn, kw_only=True, omit_defaults=True):
    """The run is done."""

    output: Raw = NOTHING


class TaskFailIn(SessionIn, kw_only=True, omit_defaults=True):
    """The run failed."""

    error: Annotated[str, Meta(min_length=1)]
    metadata: Raw = NOTHING
    """For the timeline alone."""


class TaskReleaseIn(SessionIn, kw_only=True, omit_defaults=True):
    """Somebody else may have the run."""

    reason: Text | None = None
