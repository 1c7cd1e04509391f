"""Shapes of the scheduler (contract §21)."""

from __future__ import annotations

import msgspec

from runyard.dialects.agh.wire.runs import Run
from runyard.dialects.agh.wire.tasks import Summary


class ReasonRequest(msgspec.Struct, kw_only=True):
    """Why."""

    reason: str | None = None


class DrainRequest(msgspec.Struct, kw_only=True):
    """Why, and how long to wait for what is under way."""

    reason: str | None = None
    timeout_seconds: int | None = None


class Status(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How the scheduler stands."""

    paused: bool
    active_claim_count: int
    queued_run_count: int
    paused_task_count: int
    starved_run_count: int
    needs_attention_run_count: int
    as_of: str
    paused_by: str = ""
    paused_at: str = ""
    paused_reason: str = ""


class StatusAnswer(msgspec.Struct, kw_only=True):
    """How the scheduler stands."""

    scheduler: Status


class DrainAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a drain."""

    scheduler: Status
    completed: bool
    started_at: str
    completed_at: str
    remaining_claims: int
    timed_out: bool = False


class BacklogRun(msgspec.Struct, kw_only=True):
    """A queued run, and its task."""

    task: Summary
    run: Run


class Backlog(msgspec.Struct, kw_only=True):
    """What waits."""

    runs: list[BacklogRun]
    total: int


class BacklogAnswer(msgspec.Struct, kw_only=True):
    """What waits."""

    backlog: Backlog
