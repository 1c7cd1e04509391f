"""What a run leaves behind."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from runyard.dialects.strait.wire.values import Time


class RunEvent(msgspec.Struct, kw_only=True):
    """A line of what a run said."""

    id: str
    run_id: str
    type: str
    level: str
    message: str
    data: Raw
    created_at: Time


class RunCheckpoint(msgspec.Struct, kw_only=True):
    """State a run can resume from."""

    id: str
    run_id: str
    sequence: int
    source: str
    state: Raw
    created_at: Time


class RunUsage(msgspec.Struct, kw_only=True):
    """Tokens used, and what they cost."""

    id: str
    run_id: str
    provider: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_microusd: int
    created_at: Time


class RunToolCall(msgspec.Struct, kw_only=True):
    """A tool the run called."""

    id: str
    run_id: str
    tool_name: str
    input: Raw | UnsetType = UNSET
    output: Raw | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    status: str
    created_at: Time


class RunOutput(msgspec.Struct, kw_only=True):
    """A named result of a run."""

    id: str
    run_id: str
    output_key: str
    schema: Raw | UnsetType = UNSET
    value: Raw
    created_at: Time


class RunStateEntry(msgspec.Struct, kw_only=True):
    """A value kept with a run."""

    run_id: str
    state_key: str
    value: Raw
    updated_at: Time
