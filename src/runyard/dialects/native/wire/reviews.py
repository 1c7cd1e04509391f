"""Reviews of runs of tasks, and who may judge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runyard.dialects.native.wire.task_runs import TaskRun, Who
from runyard.dialects.native.wire.values import Name

Policy = Literal["always", "on_success", "on_failure"]
Status = Literal["requested", "in_review", "recorded"]
Outcome = Literal["approved", "rejected", "blocked", "error", "timeout", "invalid_output"]
Number = Annotated[int, Meta(ge=1, le=1_000_000)]
Id = Annotated[str, Meta(min_length=1, max_length=128)]


class ReviewIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A review to ask for. The same round and attempt of a run once more is the review there is."""

    policy: Policy = "always"
    """Of which ends it is to be; a run that ended otherwise is refused."""
    round: Number = 1
    attempt: Number = 1
    parent_id: Id | None = None
    """The review that led to this one."""
    reason: Annotated[str, Meta(max_length=4096)] | None = None
    deadline_at: datetime | None = None
    """When it is recorded as timed out unless somebody judged before."""


class ReviewClaimIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Ask for the review that suits the session best."""

    session_id: Id
    capabilities: Annotated[list[Name], Meta(max_length=256)] = []
    """What is offered besides what the session says it can do."""
    peer_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    """As whom others know the session, where tasks name peers."""
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 0


class VerdictIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What somebody says of a run. The same once more is answered as it was."""

    outcome: Outcome
    confidence: Annotated[float, Meta(ge=0, le=1)]
    reason: Annotated[str, Meta(min_length=1, max_length=4096)]
    delivery_id: Annotated[str, Meta(min_length=1, max_length=256)]
    """Any text of its own, by which a repetition is known."""
    missing_work: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=1000)] = []
    guidance: Annotated[str, Meta(max_length=8192)] = ""
    """What the next round should know; a rejection says this, or what is missing."""
    text: Annotated[str, Meta(max_length=65536)] = ""
    session_id: Id | None = None
    """The session that judges; a person judges without it."""


class Review(msgspec.Struct, kw_only=True):
    """A judgement of a run, asked for or given."""

    id: str
    task_id: str
    run_id: str
    policy: Policy
    round: int
    attempt: int
    status: Status
    parent_id: str | None
    reason: str | None
    """Why it was asked for; once it is recorded, why it came out so."""
    outcome: Outcome | None
    confidence: float | None
    delivery_id: str | None
    missing_work: list[str]
    guidance: str | None
    text: str | None
    session_id: str | None
    """The session that judges."""
    agent: str | None
    peer_id: str | None
    channel: str | None
    judged_by: Who | None
    requested_at: datetime
    deadline_at: datetime | None
    claimed_at: datetime | None
    reviewed_at: datetime | None
    updated_at: datetime


class ReviewClaim(msgspec.Struct, kw_only=True):
    """What was handed out, if there was anything."""

    review: Review | None


class Judged(msgspec.Struct, kw_only=True):
    """A recorded review, and the run that goes on with rejected work."""

    review: Review
    continuation: TaskRun | None
