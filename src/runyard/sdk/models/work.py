"""What runs leave: checkpoints, usage, tool calls, outputs, state and files."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import Raw, field

from runyard.sdk.models.model import NULL, Model, value_of


class LogsOut(Model, frozen=True, kw_only=True):
    """How many lines were taken."""

    accepted: int


class ChunksOut(Model, frozen=True, kw_only=True):
    """How many chunks were taken."""

    accepted: int


class Checkpoint(Model, frozen=True, kw_only=True):
    """State to resume from; `number` grows within the run."""

    run_id: str
    number: int
    attempt: int = 0
    at: datetime | None = None
    label: str | None = None
    raw_state: Raw = field(name="state", default=NULL)

    @cached_property
    def state(self) -> Any:
        """The state that was kept."""
        return value_of(self.raw_state)


class Usage(Model, frozen=True, kw_only=True):
    """One line of the usage ledger."""

    id: str
    run_id: str
    model: str
    attempt: int = 0
    at: datetime | None = None
    provider: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
    cost_micro_usd: int = 0
    source: str = ""
    price: Any = None


class ToolCall(Model, frozen=True, kw_only=True):
    """A tool the agent called."""

    id: str
    run_id: str
    name: str
    attempt: int = 0
    at: datetime | None = None
    input: Any = None
    output: Any = None
    error: str | None = None
    status: str = "ok"
    duration_ms: int | None = None


class Output(Model, frozen=True, kw_only=True):
    """A named result of a run."""

    run_id: str
    key: str
    value: Any = None
    schema: Any = None
    at: datetime | None = None


class StateEntry(Model, frozen=True, kw_only=True):
    """A value kept with a run."""

    run_id: str
    key: str
    value: Any = None
    updated_at: datetime | None = None


class Artifact(Model, frozen=True, kw_only=True):
    """A file of a run."""

    id: str
    run_id: str
    name: str
    content_type: str = "application/octet-stream"
    size: int = 0
    sha256: str = ""
    at: datetime | None = None
