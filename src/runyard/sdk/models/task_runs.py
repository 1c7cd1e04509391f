"""Runs of tasks: claims, what is forced on them, and a close look."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model
from runyard.sdk.models.reports import ResultError
from runyard.sdk.models.tasks import Task, TaskEvent, TaskRun


class TaskClaim(Model, frozen=True, kw_only=True):
    """A run handed out, under a lease of the session's; `seq` is the newest line of the task's timeline."""

    task: Task
    run: TaskRun
    seq: int = 0


class TaskClaimOut(Model, frozen=True, kw_only=True):
    """What was handed out, if there was anything."""

    claim: TaskClaim | None = None


class RunSession(Model, frozen=True, kw_only=True):
    """The session that has a run, or had it last; `missing` when nothing is known of it any more."""

    id: str
    state: str
    agent: str | None = None
    workspace_id: str | None = None
    created_at: datetime | None = None
    active_at: datetime | None = None
    stop_reason: str | None = None
    failure: str | None = None


class TaskRunDetail(Model, frozen=True, kw_only=True):
    """A run of a task with its task and its session."""

    run: TaskRun
    task: Task
    session: RunSession | None = None
    active_at: datetime | None = None
    tool_calls: int = 0
    last_event: TaskEvent | None = None


class ForceResult(Model, frozen=True, kw_only=True):
    """What became of one of many runs."""

    run_id: str
    run: TaskRun | None = None
    error: ResultError | None = None


class ForceResults(Model, frozen=True, kw_only=True):
    """What became of each run, in their order."""

    results: list[ForceResult]


class Succession(Model, frozen=True, kw_only=True):
    """A run, and the one that takes its place."""

    previous: TaskRun
    run: TaskRun


class TaskTrouble(Model, frozen=True, kw_only=True):
    """Something wrong with a run (`stuck`, `stale_lease`, `orphan`, `crashed`, `stranded`), and what shows it."""

    trouble: str
    evidence: dict[str, Any] = {}


class Inspection(Model, frozen=True, kw_only=True):
    """A task as it is looked at, or one of its runs; `next` is what it waits for."""

    task: Task
    next: str
    run: TaskRun | None = None
    session: RunSession | None = None
    silent_seconds: int | None = None
    recent_runs: list[TaskRun] = []
    recent_events: list[TaskEvent] = []
    scheduler_paused: bool = False
    findings: list[TaskTrouble] = []
    at: datetime | None = None
