"""Shapes of a run by itself, and of what people and programs do to it (contract §5, §23)."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.wire.runs import Run
from runyard.dialects.agh.wire.tasks import Reference


class LifecycleKeyRequest(msgspec.Struct, kw_only=True):
    """The key that agents send with what they do."""

    idempotency_key: str | None = None


class AttachSessionRequest(msgspec.Struct, kw_only=True):
    """The session to bind."""

    session_id: str


class CompleteRunRequest(msgspec.Struct, kw_only=True):
    """What came of the run."""

    result: Raw = Raw(b"")


class FailRunRequest(msgspec.Struct, kw_only=True):
    """What went wrong."""

    error: str = ""
    metadata: Raw = Raw(b"")


class RunSession(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The session that has a run."""

    session_id: str
    created_at: str
    updated_at: str
    agent_name: str = ""
    channel: str = ""
    name: str = ""
    state: str = ""
    workspace_id: str = ""


class RunOperations(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a run used so far, as far as it is known."""

    last_activity_at: str
    last_event_type: str = ""
    tool_call_count: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    total_cost: float | None = None
    cost_currency: str | None = None


class RunDetail(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run with its task and its session."""

    run: Run
    task: Reference
    summary: RunOperations
    session: RunSession | None = None


class RunDetailAnswer(msgspec.Struct, kw_only=True):
    """A run with its task and its session."""

    run: RunDetail
