"""Shapes of looking closely at a task or a run (contract §25)."""

from __future__ import annotations

import msgspec

from runyard.dialects.agh.errors import Diagnostic
from runyard.dialects.agh.wire.tasks import Summary


class InspectRun(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run as it is looked at."""

    run_id: str
    task_id: str
    status: str
    attempt: int
    queued_at: str
    bound_session_id: str = ""
    claim_token_hash_truncated: str = ""
    ended_at: str = ""
    failure_kind: str = ""
    heartbeat_age_seconds: int | None = None
    heartbeat_at: str = ""
    last_error_summary: str = ""
    lease_until: str = ""
    previous_run_id: str = ""
    retries: int = 0
    started_at: str = ""


class InspectSession(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The session a run is bound to."""

    session_id: str
    state: str = ""
    agent_name: str = ""
    provider_name: str = ""
    workspace_id: str = ""
    started_at: str = ""
    last_activity_at: str = ""
    stop_reason: str = ""
    failure_kind: str = ""


class InspectEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What happened lately."""

    id: str
    timestamp: str
    type: str
    task_id: str = ""
    run_id: str = ""
    session_id: str = ""
    outcome: str = ""
    summary: str = ""


class InspectScheduler(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether queued runs are handed out."""

    # Said whichever it is.
    paused: bool
    paused_at: str = ""
    paused_by: str = ""
    reason: str = ""
    updated_at: str = ""


class Inspect(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task or a run as it is looked at."""

    target: str
    task: Summary
    scheduler: InspectScheduler
    next_action: str
    as_of: str
    current_run: InspectRun | None = None
    bound_session: InspectSession | None = None
    recent_runs: list[InspectRun] = []
    recent_events: list[InspectEvent] = []
    diagnostics: list[Diagnostic] = []


class InspectAnswer(msgspec.Struct, kw_only=True):
    """A task or a run as it is looked at."""

    inspect: Inspect
