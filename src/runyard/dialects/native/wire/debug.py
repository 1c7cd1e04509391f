"""Looking closely at one run."""

from __future__ import annotations

from datetime import datetime

import msgspec

from runyard.dialects.native.wire.records import Checkpoint, LogEntry, Output, ToolCall, Usage
from runyard.dialects.native.wire.runs import Run


class DebugIn(msgspec.Struct, kw_only=True):
    """Whether more is to be told of the run."""

    on: bool


class Sample(msgspec.Struct, kw_only=True):
    """What the processes of a managed run used at one moment."""

    id: str
    run_id: str
    at: datetime
    cpu_percent: float | None
    """100 is one processor."""
    memory_mb: float | None
    memory_limit_mb: float | None


class DebugBundle(msgspec.Struct, kw_only=True):
    """Everything recorded about a run: the newest of each, within the bounds of one reply; outputs by name."""

    run: Run
    logs: list[LogEntry]
    checkpoints: list[Checkpoint]
    usage: list[Usage]
    tool_calls: list[ToolCall]
    outputs: list[Output]
    samples: list[Sample]
