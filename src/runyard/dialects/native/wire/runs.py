"""Runs, as they are asked for and shown, and what people say to do with them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.native.wire.jobs import Settings
from runyard.dialects.native.wire.values import NOTHING, Name, Seconds, Text


class RunIn(Settings, kw_only=True, omit_defaults=True):
    """A run to make: of a job (by `job` name or `job_id`), or ad hoc."""

    payload: Raw = Raw(b"null")
    job: Name | None = None
    job_id: str | None = None
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    concurrency_key: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    delay_seconds: Seconds | None = None
    available_at: datetime | None = None
    expires_at: datetime | None = None
    parent_id: str | None = None
    continuation_of: str | None = None
    draft: bool = False


class RunsIn(msgspec.Struct, kw_only=True):
    """Runs to make, all or none."""

    runs: Annotated[list[RunIn], Meta(min_length=1, max_length=1000)]


class LeaseOut(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A lease; `token` is shown to its holder only."""

    until: datetime
    token: str | UnsetType = UNSET
    worker: str | None = None


class UsageTotals(msgspec.Struct, kw_only=True):
    """What a run has used so far."""

    input_tokens: int
    output_tokens: int
    cost_micro_usd: int


class Run(msgspec.Struct, kw_only=True):
    """One execution asked for."""

    id: str
    project: str
    state: str
    job: str | None
    job_id: str | None
    job_version: int | None
    task_id: str | None
    parent_id: str | None
    replay_of: str | None
    retry_of: str | None
    continuation_of: str | None
    depth: int
    batch_id: str | None
    queue: str
    executor: str
    capabilities: list[str]
    priority: int
    concurrency_key: str | None
    idempotency_key: str | None
    attempt: int
    max_attempts: int
    payload: Raw
    output: Raw | None
    error: Raw | None
    error_class: str | None
    tags: Raw | None
    metadata: Raw | None
    trigger: str
    created_by: str | None
    waiting_for: Raw | None
    hold: str | None
    """Why a queued run cannot be claimed yet: retry, lane (a concurrency limit), paused, blocked."""
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None
    available_at: datetime | None
    next_retry_at: datetime | None
    expires_at: datetime | None
    claimed_at: datetime | None
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None
    lease: LeaseOut | None
    resolved: Raw | None
    debug: bool
    """Whether more is to be told of it."""
    usage: UsageTotals
    duplicate: bool | UnsetType = UNSET
    """In the reply to a create: true when the idempotency key named a run that existed already."""


class RunsOut(msgspec.Struct, kw_only=True):
    """The runs made (or found by their idempotency keys), in the order asked."""

    runs: list[Run]


class Reason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a person does this."""

    reason: Text | None = None


class RestartIn(Reason, kw_only=True, omit_defaults=True):
    """With which preset a managed run begins anew; without one it keeps the one it has."""

    preset: Literal["micro", "small-1x", "small-2x", "medium-1x", "medium-2x", "large-1x", "large-2x"] | None = None


class RetryIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new run like an ended one; `config` is merged shallowly over the payload's `config` object."""

    config: dict[str, Any] | None = None


class ReplayIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new run linked to the old one by `replay_of`, with its payload or another."""

    payload: Raw = NOTHING
    from_checkpoint: Annotated[int, Meta(ge=1)] | None = None


class RescheduleIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Another time (now when both are absent), perhaps another payload."""

    available_at: datetime | None = None
    delay_seconds: Seconds | None = None
    payload: Raw = NOTHING


class Why(msgspec.Struct, kw_only=True):
    """One reason why a run does not run now, and what would change that."""

    code: str
    detail: str
    remedy: str
    until: datetime | None = None


class Explanation(msgspec.Struct, kw_only=True):
    """Why a run is where it is."""

    run_id: str
    state: str
    summary: str
    reasons: list[Why]
    position: int | None
    """How many claimable runs of its queue stand before it, counted up to 1000; null when it is not claimable."""


class Lineage(msgspec.Struct, kw_only=True):
    """Where a run comes from and what came of it, by link."""

    root: Run
    runs: list[Run]
    complete: bool
    """False when the family is larger than what is shown."""
