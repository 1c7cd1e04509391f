"""What runs wait for: other jobs' ends, and events from outside."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from runyard.domain.records import Json
from runyard.domain.states import UNSUCCESSFUL, RunState

Condition = Literal["completed", "failed", "any"]


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of one job wait until the last ended run of another ended in a certain way."""

    id: str
    project_id: int
    job_id: str
    depends_on: str
    condition: Condition
    created_at: int


def is_met(condition: Condition, state: RunState | None) -> bool:
    """Whether the condition holds when the last ended run of the other job is in this state (None: there is none)."""
    match condition:
        case "completed":
            return state is RunState.COMPLETED
        case "failed":
            return state in UNSUCCESSFUL
        case "any":
            return state is not None


class WaitState(StrEnum):
    """What became of the wait for an event."""

    WAITING = "waiting"
    RECEIVED = "received"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"


class EventWait(msgspec.Struct, frozen=True, kw_only=True):
    """A run that waits for something from outside, under a name that is waited for once at a time in a project."""

    id: str
    project_id: int
    name: str
    run_id: str
    state: WaitState
    request: Json | None
    response: Json | None
    timeout: int
    requested_at: int
    received_at: int | None
    expires_at: int
    error: str | None
    notify_url: str | None
    notify_state: str | None
    sent_by: str | None
