"""What a run leaves behind while it works."""

from __future__ import annotations

from typing import Literal

import msgspec

from runyard.domain.records import Json

CostSource = Literal["reported", "priced", "unknown", "managed"]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """State an executor can resume from; `number` grows within the run."""

    run_id: str
    number: int
    attempt: int
    at: int
    label: str | None
    state: Json


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the usage ledger, with the price it was reckoned by."""

    id: str
    project_id: int
    run_id: str
    attempt: int
    at: int
    provider: str | None
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_micro_usd: int
    source: CostSource
    price: Json | None
    total_tokens: int | None = None
    """What the executor said all tokens come to; None is what went in and what came out together."""

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens if self.total_tokens is None else self.total_tokens


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool the executor called."""

    id: str
    project_id: int
    run_id: str
    attempt: int
    at: int
    name: str
    input: Json | None
    output: Json | None
    error: str | None
    status: str
    duration_ms: int | None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """A named result of a run."""

    run_id: str
    name: str
    value: Json
    schema: Json | None
    at: int


class StateEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A value kept with a run."""

    run_id: str
    name: str
    value: Json
    updated_at: int


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a run; its bytes are in the blob store under their hash."""

    id: str
    project_id: int
    run_id: str
    name: str
    content_type: str
    size: int
    sha256: str
    at: int


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What the processes of a run used at one moment."""

    id: str
    run_id: str
    at: int
    cpu_percent: float | None
    memory_mb: float | None
    memory_limit_mb: float | None
