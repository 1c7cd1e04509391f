"""Looking closely at one run."""

from __future__ import annotations

from datetime import datetime

from runyard.sdk.models.model import Model
from runyard.sdk.models.runs import Run
from runyard.sdk.models.streams import LogEntry
from runyard.sdk.models.work import Checkpoint, Output, ToolCall, Usage


class Sample(Model, frozen=True, kw_only=True):
    """What the processes of a managed run used at one moment; 100 percent is one processor."""

    id: str
    run_id: str
    at: datetime | None = None
    cpu_percent: float | None = None
    memory_mb: float | None = None
    memory_limit_mb: float | None = None


class DebugBundle(Model, frozen=True, kw_only=True):
    """Everything recorded about a run: the newest of each, within the bounds of one reply; outputs by name."""

    run: Run
    logs: list[LogEntry] = []
    checkpoints: list[Checkpoint] = []
    usage: list[Usage] = []
    tool_calls: list[ToolCall] = []
    outputs: list[Output] = []
    samples: list[Sample] = []
