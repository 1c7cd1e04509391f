"""What a run leaves behind."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.values import NOTHING, Count, Name, Text


class Attempt(msgspec.Struct, kw_only=True):
    """One try at a run."""

    run_id: str
    epoch: int
    attempt: int
    outcome: str | None
    executor: str
    worker: str | None
    claimed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: Raw | None
    error_class: str | None


class Event(msgspec.Struct, kw_only=True):
    """One line of the journal."""

    seq: int
    type: str
    run_id: str | None
    at: datetime
    actor: str | None
    data: Raw


class LogIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line for a run's log."""

    printed: ClassVar = ("message",)
    message: Annotated[str, Meta(max_length=1 << 20)]
    level: Annotated[str, Meta(min_length=1, max_length=32)] = "info"
    type: Name = "log"
    data: Raw = NOTHING
    at: datetime | None = None


class LogsIn(msgspec.Struct, kw_only=True):
    """Lines for a run's log. `token` is needed by executors whose key may only claim."""

    entries: Annotated[list[LogIn], Meta(min_length=1, max_length=1000)]
    token: str | None = None


class LogsOut(msgspec.Struct, kw_only=True):
    """How many lines were taken, and the last one's sequence number."""

    accepted: int


class LogEntry(msgspec.Struct, kw_only=True):
    """One line of a run's log."""

    seq: int
    run_id: str
    attempt: int
    at: datetime
    level: str
    message: str
    data: Raw | None
    type: str


class ChunkIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A piece of output for whoever follows the run; `done` ends its stream."""

    printed: ClassVar = ("chunk",)
    chunk: Annotated[str, Meta(max_length=1 << 20)]
    stream: Annotated[str, Meta(min_length=1, max_length=256)] = "default"
    done: bool = False


class ChunksIn(msgspec.Struct, kw_only=True):
    """Pieces of output. `token` is needed by executors whose key may only claim."""

    chunks: Annotated[list[ChunkIn], Meta(min_length=1, max_length=1000)]
    token: str | None = None


class ChunksOut(msgspec.Struct, kw_only=True):
    """How many chunks were taken."""

    accepted: int


class Chunk(msgspec.Struct, kw_only=True):
    """A piece of a run's output as it came; kept for an hour."""

    seq: int
    run_id: str
    at: datetime
    stream: str
    chunk: str
    done: bool


class CheckpointIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """State to resume from."""

    state: Raw
    label: Name | None = None
    token: str | None = None


class Checkpoint(msgspec.Struct, kw_only=True):
    """State an executor can resume from; `number` grows within the run."""

    run_id: str
    number: int
    attempt: int
    at: datetime
    label: str | None
    state: Raw


class UsageIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tokens used, and what they cost; without a cost the price list is asked."""

    model: Name
    provider: Name | None = None
    input_tokens: Count = 0
    output_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_tokens: Count = 0
    reasoning_tokens: Count = 0
    total_tokens: Count | None = None
    cost_micro_usd: Count | None = None
    token: str | None = None


class Usage(msgspec.Struct, kw_only=True):
    """One line of the usage ledger; `source` says if the cost was reported, priced here, or is of a managed run."""

    id: str
    run_id: str
    attempt: int
    at: datetime
    provider: str | None
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    total_tokens: int
    cost_micro_usd: int
    source: Literal["reported", "priced", "unknown", "managed"]
    price: Raw | None


class ToolCallIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tool the agent called."""

    name: Name
    input: Raw = NOTHING
    output: Raw = NOTHING
    error: Text | None = None
    status: Literal["ok", "error", "denied"] = "ok"
    duration_ms: Count | None = None
    token: str | None = None


class ToolCall(msgspec.Struct, kw_only=True):
    """A tool the agent called."""

    id: str
    run_id: str
    attempt: int
    at: datetime
    name: str
    input: Raw | None
    output: Raw | None
    error: str | None
    status: str
    duration_ms: int | None


class OutputIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A named result; checked against `schema` when one is given."""

    value: Raw
    schema: dict[str, Any] | bool | None = None
    token: str | None = None


class Output(msgspec.Struct, kw_only=True):
    """A named result of a run."""

    run_id: str
    key: str
    value: Raw
    schema: Raw | None
    at: datetime


class StateIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A value to keep with the run."""

    value: Raw
    token: str | None = None


class StateEntry(msgspec.Struct, kw_only=True):
    """A value kept with the run."""

    run_id: str
    key: str
    value: Raw
    updated_at: datetime


class Artifact(msgspec.Struct, kw_only=True):
    """A file of a run; its bytes are at `…/artifacts/{id}/content`."""

    id: str
    run_id: str
    name: str
    content_type: str
    size: int
    sha256: str
    at: datetime
