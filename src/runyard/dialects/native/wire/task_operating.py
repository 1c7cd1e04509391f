"""Runs of tasks by themselves, and what people do to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.executors import ResultError
from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.dialects.native.wire.tasks import Task
from runyard.dialects.native.wire.timelines import TaskEvent
from runyard.dialects.native.wire.values import NOTHING

Reason = Annotated[str, Meta(min_length=1, max_length=4096)]
RunIds = Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(min_length=1, max_length=50)]


class RunSession(msgspec.Struct, kw_only=True):
    """The session that has a run, or had it last."""

    id: str
    state: Literal["starting", "active", "stopping", "stopped", "missing"]
    """`missing` when nothing is known of it any more."""
    agent: str | None
    workspace_id: str | None
    created_at: datetime | None
    active_at: datetime | None
    """When it was last heard of."""
    stop_reason: str | None
    failure: str | None


class TaskRunDetail(msgspec.Struct, kw_only=True):
    """A run of a task with its task and its session."""

    run: TaskRun
    task: Task
    session: RunSession | None
    active_at: datetime
    """When something last happened to the run or its session."""
    tool_calls: int
    last_event: TaskEvent | None


class AttachIn(msgspec.Struct, kw_only=True):
    """The session to bind."""

    session_id: Annotated[str, Meta(min_length=1, max_length=64)]


class EndIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a run without lease ended."""

    outcome: Literal["completed", "failed"]
    output: Raw = NOTHING
    """What came of it, when it completed."""
    error: Annotated[str, Meta(max_length=65536)] = ""
    """What went wrong, when it failed."""
    metadata: Raw = NOTHING
    """What else is to be told of a failure."""


class CancelRunIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a run is called off."""

    reason: Reason | None = None
    metadata: Raw = NOTHING


class ForceIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why something is forced, and what a new run is told."""

    reason: Reason | None = None
    metadata: Raw = NOTHING


class ForceFailIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a run is failed."""

    reason: Reason
    metadata: Raw = NOTHING


class ForceManyIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Runs, and why something is forced on them."""

    run_ids: RunIds
    reason: Reason | None = None


class ForceFailManyIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Runs, and why they are failed."""

    run_ids: RunIds
    reason: Reason
    metadata: Raw = NOTHING


class ForceResult(msgspec.Struct, kw_only=True):
    """What became of one of many runs."""

    run_id: str
    run: TaskRun | None
    error: ResultError | None


class ForceResults(msgspec.Struct, kw_only=True):
    """What became of each run, in their order."""

    results: list[ForceResult]


class Succession(msgspec.Struct, kw_only=True):
    """A run, and the one that takes its place."""

    previous: TaskRun
    run: TaskRun


class Finding(msgspec.Struct, kw_only=True):
    """Something wrong with a run, and what shows it."""

    trouble: Literal["stuck", "stale_lease", "orphan", "crashed", "stranded"]
    evidence: dict[str, Any]


class Inspection(msgspec.Struct, kw_only=True):
    """A task as it is looked at, or one of its runs."""

    task: Task
    run: TaskRun | None
    """The run that was asked for, else the latest."""
    session: RunSession | None
    silent_seconds: int | None
    """How long nothing was heard of who has the run."""
    recent_runs: list[TaskRun]
    recent_events: list[TaskEvent]
    """The newest first."""
    scheduler_paused: bool
    findings: list[Finding]
    next: Literal["recovery_required", "stranded", "waiting_for_session", "claim_available", "running", "terminal"]
    at: datetime
