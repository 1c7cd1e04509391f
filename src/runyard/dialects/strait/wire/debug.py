"""Looking closely at one run."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from runyard.dialects.strait.wire.records import RunCheckpoint, RunEvent, RunOutput, RunToolCall, RunUsage
from runyard.dialects.strait.wire.runs import JobRun
from runyard.dialects.strait.wire.values import Time


class SetDebugModeRequest(msgspec.Struct, kw_only=True):
    """Whether more is to be told of the run."""

    debug_mode: bool = False


class RunResourceSnapshot(msgspec.Struct, kw_only=True):
    """What the processes of a run used at one moment."""

    id: str
    run_id: str
    cpu_percent: float | UnsetType = UNSET
    memory_mb: float | UnsetType = UNSET
    memory_limit_mb: float | UnsetType = UNSET
    created_at: Time


class DebugBundle(msgspec.Struct, kw_only=True):
    """Everything recorded about a run: the newest of each, within the bounds of one reply."""

    run: JobRun
    events: list[RunEvent]
    checkpoints: list[RunCheckpoint]
    usage: list[RunUsage]
    tool_calls: list[RunToolCall]
    outputs: list[RunOutput]
    resource_snapshots: list[RunResourceSnapshot]
