"""Shapes of runs of tasks. Fields with a default are left out where they have it (contract §1)."""

from __future__ import annotations

import msgspec
from msgspec import Raw


class Identity(msgspec.Struct, kw_only=True):
    """Who does something, or the way it came."""

    kind: str
    ref: str


class Channel(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where those talk who work on a run."""

    id: str
    display_name: str
    allowed_message_kinds: list[str]
    channel: str = ""
    purpose: str = ""
    workspace_id: str = ""
    task_id: str = ""
    run_id: str = ""
    workflow_id: str = ""
    last_activity_at: str = ""


class Run(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run of a task."""

    id: str
    task_id: str
    status: str
    attempt: int
    queued_at: str
    origin: Identity
    previous_run_id: str = ""
    claimed_by: Identity | None = None
    session_id: str = ""
    network_channel: str = ""
    coordination_channel_id: str = ""
    coordination_channel: Channel | None = None
    idempotency_key: str = ""
    claim_token_hash: str = ""
    lease_until: str = ""
    heartbeat_at: str = ""
    claimed_at: str = ""
    started_at: str = ""
    ended_at: str = ""
    error: str = ""
    failure_kind: str = ""
    metadata: Raw | None = None
    result: Raw | None = None


class RunSummary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run of a task in short."""

    id: str
    task_id: str
    status: str
    attempt: int
    max_attempts: int
    queued_at: str
    previous_run_id: str = ""
    claimed_by: Identity | None = None
    session_id: str = ""
    coordination_channel_id: str = ""
    coordination_channel: Channel | None = None
    claim_token_hash: str = ""
    lease_until: str = ""
    heartbeat_at: str = ""
    claimed_at: str = ""
    started_at: str = ""
    ended_at: str = ""
    error: str = ""
    failure_kind: str = ""


class Lease(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who has a run, and until when."""

    run_id: str
    task_id: str
    status: str
    session_id: str = ""
    claimed_by: Identity | None = None
    claim_token_hash: str = ""
    lease_until: str = ""
    heartbeat_at: str = ""
    coordination_channel_id: str = ""
    coordination_channel: Channel | None = None


class RunAnswer(msgspec.Struct, kw_only=True):
    """A run."""

    run: Run


class RunsAnswer(msgspec.Struct, kw_only=True):
    """Runs of a task."""

    runs: list[Run]
