"""Runs of tasks."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Raw


class Who(msgspec.Struct, kw_only=True):
    """A person or a program: `human`, `agent_session`, `automation`, `extension`, `network_peer` or `daemon`."""

    kind: str
    ref: str


class TaskRun(msgspec.Struct, kw_only=True):
    """A run of a task. More of it, as of any run, is under `/runs/{id}`."""

    id: str
    task_id: str
    state: str
    hold: str | None
    """Why a queued run cannot be claimed yet: paused, blocked."""
    attempt: int
    """Counts the runs of the task."""
    round: int
    """How many times work like it was judged, and once more."""
    claimed_by: Who | None
    session_id: str | None
    """Whose session has it, or had it last."""
    lease_until: datetime | None
    channel: str | None
    coordination_channel: str | None
    """Where those talk who work on it."""
    previous_run_id: str | None
    """The run that this one takes the place of."""
    review_id: str | None
    """The review that asked for it."""
    failure_kind: str | None
    origin: Who
    """By which way it came."""
    idempotency_key: str | None
    output: Raw | None
    error: Raw | None
    metadata: Raw | None
    queued_at: datetime
    claimed_at: datetime | None
    heartbeat_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
