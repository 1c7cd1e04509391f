"""What followers of runs are told, and what sandboxes tell (contract §9)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw

from runyard.dialects.posthog.wire.runs import Status


class RunStateEvent(msgspec.Struct, kw_only=True):
    """How a run stands."""

    run_id: str
    task_id: str
    status: Status
    stage: str | None
    output: Any
    branch: str | None
    error_message: str | None
    updated_at: str | None
    completed_at: str | None
    type: Literal["task_run_state"] = "task_run_state"


class Keepalive(msgspec.Struct, kw_only=True):
    """Nothing happens, and the stream goes on."""

    type: Literal["keepalive"] = "keepalive"


class StreamEnd(msgspec.Struct, kw_only=True):
    """Nothing follows."""

    status: Literal["complete"] = "complete"


class StreamError(msgspec.Struct, kw_only=True):
    """Why the stream breaks off."""

    error: str


class IngestLine(msgspec.Struct):
    """One line that a sandbox sends: an event with its number, or the end with the number of the last one."""

    seq: int | None = None
    event: Raw = Raw()
    type: str | None = None
    final_seq: int | None = None


class IngestResult(msgspec.Struct, kw_only=True):
    """How many events were taken, how many had been before, and the number of the last one."""

    accepted: int
    duplicate: int
    last_accepted_seq: int


class IngestError(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why the rest was not taken; what came before it was."""

    error: str
    code: str = ""
    last_accepted_seq: int | None = None
