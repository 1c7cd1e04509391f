"""The scheduler of runs of tasks."""

from __future__ import annotations

from datetime import datetime

from runyard.sdk.models.model import Model


class Scheduler(Model, frozen=True, kw_only=True):
    """Whether queued runs of tasks are handed out, and how many there are."""

    paused: bool
    paused_by: str | None = None
    paused_at: datetime | None = None
    paused_reason: str | None = None
    active_runs: int = 0
    queued_runs: int = 0
    starved_runs: int = 0
    runs_that_need_attention: int = 0
    paused_tasks: int = 0
    as_of: datetime | None = None


class Drained(Model, frozen=True, kw_only=True):
    """What became of a drain; `completed` when nobody has a run any more. The scheduler stays paused."""

    scheduler: Scheduler
    completed: bool
    began_at: datetime | None = None
    ended_at: datetime | None = None


class QueuedRun(Model, frozen=True, kw_only=True):
    """A queued run of a task; `held_by` says what keeps it from being handed out."""

    run_id: str
    task_id: str
    title: str
    workspace_id: str | None = None
    priority: int = 0
    attempt: int = 0
    queued_at: datetime | None = None
    held_by: str | None = None


class Backlog(Model, frozen=True, kw_only=True):
    """The first of what waits, in the order in which it is handed out, and how much waits."""

    data: list[QueuedRun]
    total: int
