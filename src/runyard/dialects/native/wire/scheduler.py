"""The scheduler of runs of tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

LONGEST = 24 * 3600


class PauseIn(msgspec.Struct, kw_only=True):
    """Why."""

    reason: Annotated[str, Meta(max_length=1000)] | None = None


class DrainIn(msgspec.Struct, kw_only=True):
    """Why, and how long to wait for what is under way."""

    reason: Annotated[str, Meta(max_length=1000)] | None = None
    timeout_seconds: Annotated[int, Meta(ge=0, le=LONGEST)] = 60


class Scheduler(msgspec.Struct, kw_only=True):
    """Whether queued runs of tasks are handed out, and how many there are."""

    paused: bool
    paused_by: str | None
    paused_at: datetime | None
    paused_reason: str | None
    active_runs: int
    """Runs that somebody has."""
    queued_runs: int
    starved_runs: int
    """Queued for two minutes or longer, and held up by no pause."""
    runs_that_need_attention: int
    paused_tasks: int
    as_of: datetime


class Drained(msgspec.Struct, kw_only=True):
    """What became of a drain; the scheduler stays paused."""

    scheduler: Scheduler
    completed: bool
    """Whether nobody has a run any more."""
    began_at: datetime
    ended_at: datetime


class QueuedRun(msgspec.Struct, kw_only=True):
    """A queued run of a task."""

    run_id: str
    task_id: str
    title: str
    workspace_id: str | None
    priority: int
    attempt: int
    queued_at: datetime
    held_by: str | None
    """`paused` or `blocked` while its task keeps it from being handed out."""


class Backlog(msgspec.Struct, kw_only=True):
    """The first of what waits, in the order in which it is handed out."""

    data: list[QueuedRun]
    total: int
