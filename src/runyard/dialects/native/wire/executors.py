"""Claims and reports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Generic

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.approvals import ApprovalAsk
from runyard.dialects.native.wire.runs import LeaseOut, Run
from runyard.dialects.native.wire.values import NOTHING, Name, Seconds, T, Text


class ClaimIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Ask for work. Without `queues` any queue will do."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 1
    queues: Annotated[list[Name], Meta(max_length=64)] | None = None
    executor: Name = "worker"
    capabilities: Annotated[list[Name], Meta(max_length=256)] = []
    lease_seconds: Annotated[float, Meta(ge=1, le=86400)] | None = None
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 0
    worker: Name | None = None
    jobs: Annotated[list[Name], Meta(max_length=256)] | None = None


class Claim(msgspec.Struct, kw_only=True):
    """A run handed out, and the lease on it."""

    run: Run
    lease: LeaseOut


class ClaimsOut(msgspec.Struct, kw_only=True):
    """What was handed out; empty when there was nothing to do."""

    claims: list[Claim]


class Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an executor says of a run it holds; `token` proves that it does."""

    run_id: str
    token: str


class StartReport(Report, kw_only=True, omit_defaults=True):
    """The run's work begins (`preparing`: a session or sandbox is being made for it)."""

    preparing: bool = False
    started_at: datetime | None = None
    """When it began, where the report comes a little later."""


class HeartbeatReport(Report, kw_only=True, omit_defaults=True):
    """The executor is alive and wants the lease for longer."""

    lease_seconds: Annotated[float, Meta(ge=1, le=86400)] | None = None


class CompleteReport(Report, kw_only=True, omit_defaults=True):
    """The run is done."""

    output: Raw = Raw(b"null")
    started_at: datetime | None = None
    """When its work began, for runs so short that no `start` was sent."""


class ErrorIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong."""

    printed: ClassVar = ("message",)
    message: Annotated[str, Meta(max_length=65536)]
    kind: Annotated[str, Meta(min_length=1, max_length=128)] = "error"
    data: Raw = NOTHING


class FailReport(Report, kw_only=True, omit_defaults=True):
    """The attempt failed; the run's policy decides what follows."""

    printed: ClassVar = ("error",)
    error: ErrorIn | str
    retryable: bool | None = None
    retry_after_seconds: Seconds | None = None
    started_at: datetime | None = None


class ReleaseReport(Report, kw_only=True, omit_defaults=True):
    """The executor gives the run back unfinished; no attempt is used up."""

    reason: Text | None = None
    delay_seconds: Seconds | None = None


class WaitReport(Report, kw_only=True, omit_defaults=True):
    """The run parks, holding no slot, until its children have ended, the event of a key comes, or people decided; then
    it is queued again.

    The wait for an event ends after an hour unless it says how long; one key is waited for once at a time in a project.
    What nobody decides in time is rejected.
    """

    timeout_seconds: Seconds | None = None
    event: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    request: Raw = NOTHING
    """What those who may send the event should know."""
    approval: ApprovalAsk | None = None
    """What people are asked; not beside an event."""


class Reports(msgspec.Struct, Generic[T], kw_only=True):
    """Many reports; each is answered for itself."""

    reports: Annotated[list[T], Meta(min_length=1, max_length=1000)]


class ResultError(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why one report was not taken."""

    code: str
    detail: str
    status: int
    state: str | None = None
    """The run's state now, where it is known: `canceled` tells an executor why it lost the lease."""


class Result(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of one report."""

    run_id: str
    ok: bool
    state: str | None = None
    lease: LeaseOut | None = None
    next_retry_at: datetime | None = None
    error: ResultError | None = None


class Results(msgspec.Struct, kw_only=True):
    """One result for each report, in order."""

    results: list[Result]
