"""What executors are handed, what they report, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model
from runyard.sdk.models.runs import Lease, Run


class Claim(Model, frozen=True, kw_only=True):
    """A run handed out, and the lease on it."""

    run: Run
    lease: Lease


class ClaimsOut(Model, frozen=True, kw_only=True):
    """What was handed out."""

    claims: list[Claim]


class StartReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The run's work begins; `preparing` while a session or sandbox is being made for it."""

    run_id: str
    token: str
    preparing: bool = False
    started_at: datetime | None = None


class HeartbeatReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The executor is alive and wants the lease for longer."""

    run_id: str
    token: str
    lease_seconds: float | None = None


class CompleteReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The run is done; `started_at` serves runs so short that no start was reported."""

    run_id: str
    token: str
    output: Any = None
    started_at: datetime | None = None


class Failure(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong; `kind` is the word retry policies go by."""

    message: str
    kind: str = "error"
    data: Any = None


class FailReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The attempt failed; the run's policy decides what follows, unless `retryable` does."""

    run_id: str
    token: str
    error: Failure | str
    retryable: bool | None = None
    retry_after_seconds: float | None = None
    started_at: datetime | None = None


class ReleaseReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The executor gives the run back unfinished; no attempt is used up."""

    run_id: str
    token: str
    reason: str | None = None
    delay_seconds: float | None = None


class ApprovalAsk(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What a run asks people for, under a name it asks for once."""

    name: str
    action: str
    description: str = ""
    risk: str = "medium"
    changes: list[str] = []
    on_reject: str = "continue"


class WaitReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The run parks until its children have ended, the event comes, or people decided; then it is queued again."""

    run_id: str
    token: str
    timeout_seconds: float | None = None
    event: str | None = None
    request: Any = None
    approval: ApprovalAsk | None = None


class ResultError(Model, frozen=True, kw_only=True):
    """Why one report was not taken; `state` is the run's state now, where it is known."""

    code: str
    detail: str = ""
    status: int = 409
    state: str | None = None


class Result(Model, frozen=True, kw_only=True):
    """What became of one report."""

    run_id: str
    ok: bool
    state: str | None = None
    lease: Lease | None = None
    next_retry_at: datetime | None = None
    error: ResultError | None = None


class ResultsOut(Model, frozen=True, kw_only=True):
    """One result for each report, in order."""

    results: list[Result]
