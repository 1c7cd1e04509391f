"""Runs, their attempts, and what is said of them."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

from msgspec import Raw, field

from runyard.sdk.models.model import NULL, Model, value_of

TERMINAL = frozenset({"completed", "failed", "timed_out", "crashed", "system_failed", "canceled", "expired"})
FOR_A_PERSON = frozenset({"dead_letter", "needs_attention"})


class Lease(Model, frozen=True, kw_only=True):
    """The right to report on a run until a time; `token` is shown to its holder only."""

    until: datetime
    token: str = ""
    worker: str | None = None


class UsageTotals(Model, frozen=True, kw_only=True):
    """What a run has used so far."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0


class Run(Model, frozen=True, kw_only=True):
    """One execution asked for, as it was when it was read."""

    id: str
    state: str
    project: str = ""
    job: str | None = None
    job_id: str | None = None
    job_version: int | None = None
    task_id: str | None = None
    parent_id: str | None = None
    replay_of: str | None = None
    retry_of: str | None = None
    continuation_of: str | None = None
    depth: int = 0
    batch_id: str | None = None
    queue: str = "default"
    executor: str = "worker"
    capabilities: list[str] = []
    priority: int = 0
    concurrency_key: str | None = None
    idempotency_key: str | None = None
    attempt: int = 0
    max_attempts: int = 1
    raw_payload: Raw = field(name="payload", default=NULL)
    raw_output: Raw = field(name="output", default=NULL)
    raw_error: Raw = field(name="error", default=NULL)
    error_class: str | None = None
    tags: list[str] | dict[str, str] | None = None
    metadata: dict[str, Any] | None = None
    trigger: str = ""
    created_by: str | None = None
    waiting_for: Any = None
    hold: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    queued_at: datetime | None = None
    available_at: datetime | None = None
    next_retry_at: datetime | None = None
    expires_at: datetime | None = None
    claimed_at: datetime | None = None
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    finished_at: datetime | None = None
    lease: Lease | None = None
    resolved: Any = None
    debug: bool = False
    usage: UsageTotals = UsageTotals()
    duplicate: bool = False

    @cached_property
    def payload(self) -> Any:
        """What the run was asked to work on."""
        return value_of(self.raw_payload)

    @cached_property
    def output(self) -> Any:
        """What the run gave back; None while there is nothing."""
        return value_of(self.raw_output)

    @cached_property
    def error(self) -> Any:
        """What went wrong in its last failed attempt; None when nothing did."""
        return value_of(self.raw_error)

    @property
    def is_final(self) -> bool:
        """Whether nothing will ever change its state again."""
        return self.state in TERMINAL

    @property
    def needs_a_person(self) -> bool:
        """Whether it rests until a person decides: in the dead letter, or because nobody took it."""
        return self.state in FOR_A_PERSON

    @property
    def is_settled(self) -> bool:
        """Whether it goes nowhere by itself."""
        return self.is_final or self.needs_a_person


R = TypeVar("R", bound=Run)


class RunsOut(Model, Generic[R], frozen=True, kw_only=True):
    """Runs made by one call, in the order asked."""

    runs: list[R]


class Attempt(Model, frozen=True, kw_only=True):
    """One try at a run."""

    run_id: str
    attempt: int
    epoch: int = 0
    outcome: str | None = None
    executor: str = ""
    worker: str | None = None
    claimed_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: Any = None
    error_class: str | None = None


class Why(Model, frozen=True, kw_only=True):
    """One reason why a run does not run now, and what would change that."""

    code: str
    detail: str = ""
    remedy: str = ""
    until: datetime | None = None


class Explanation(Model, frozen=True, kw_only=True):
    """Why a run is where it is."""

    run_id: str
    state: str
    summary: str = ""
    reasons: list[Why] = []
    position: int | None = None


class Lineage(Model, Generic[R], frozen=True, kw_only=True):
    """Where a run comes from and what came of it."""

    root: R
    runs: list[R]
    complete: bool = True


class DeadGroup(Model, frozen=True, kw_only=True):
    """Runs in the dead letter that failed alike."""

    count: int
    error_class: str | None = None
    message: str | None = None
    job: str | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    sample_run_id: str | None = None


class Bulk(Model, frozen=True, kw_only=True):
    """One verb applied to many runs in the background."""

    id: str
    action: str
    state: str = ""
    total: int = 0
    done: int = 0
    failed: int = 0
    errors: list[Any] = []
    dry_run: bool = False
    reason: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
