"""How a run is retried, timed and limited: data on the run, and the pure decisions taken from it."""

from __future__ import annotations

from typing import Literal

import msgspec

SECOND = 1_000_000
HOUR = 3600 * SECOND

Backoff = Literal["exponential", "linear", "fixed", "custom"]


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was promised to a run when it was made. Times are microseconds."""

    max_attempts: int = 3
    backoff: Backoff = "exponential"
    initial_delay: int = SECOND
    min_delay: int = 0
    max_delay: int = HOUR
    delays: tuple[int, ...] = ()
    jitter: float = 0.2
    non_retryable: tuple[str, ...] = ()
    dead_letter: bool = True
    """Whether a run whose attempts are used up waits for a person (dead letter) or ends as failed."""
    retry_timeouts: bool = True
    retry_priority_boost: int = 0
    timeout: int | None = None
    """Longest time one attempt may take, counted from its start (from its claim until it starts)."""
    heartbeat_grace: int | None = None
    """Longest silence of an executor before its attempt counts as crashed; None trusts the lease alone."""
    lease: int = 60 * SECOND
    lost_leases: int = 10
    """How many leases may expire before the run counts as crashed: here a payload that kills its workers stops."""
    lost_lease_counts: bool = False
    """Whether an expired lease uses up an attempt."""
    idempotency_window: int | None = 24 * HOUR
    """How long after its end a run still answers for its idempotency key; None is for ever."""
    output_schema: str | None = None
    upgrade: Literal["pin", "latest", "minor"] = "pin"
    """At a claim: keep the version the run was made from, take the job's newest, or take it if it is compatible."""
    adaptive_timeout: bool = False
    """Whether the timeout grows to one and a half times what 95 % of the job's runs of the last day needed."""
    max_tokens: int | None = None
    max_cost: int | None = None
    """Micro-USD."""
    max_tool_calls: int | None = None
    allowed_tools: tuple[str, ...] = ()
    """When there are any, no other tool may be reported."""
    blocked_tools: tuple[str, ...] = ()


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt ended badly."""

    message: str
    kind: str = "error"
    """Error class: a short stable word that retry rules and groupings go by."""
    retryable: bool | None = None
    data: msgspec.Raw | None = None


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Try again at this time."""

    at: int


class Bury(msgspec.Struct, frozen=True, kw_only=True):
    """Give up, for this reason."""

    reason: str


def delay_after(policy: Policy, attempt: int, dice: float) -> int:
    """How long to wait before the attempt that follows number `attempt`; `dice` is uniform in [0, 1)."""
    match policy.backoff:
        case "linear":
            wait = policy.initial_delay * attempt
        case "fixed":
            wait = policy.initial_delay
        case "custom" if policy.delays:
            wait = policy.delays[min(attempt, len(policy.delays)) - 1]
        case _:
            wait = policy.initial_delay * 2 ** min(attempt - 1, 40)
    wait = max(policy.min_delay, min(wait, policy.max_delay))
    spread = 1 + policy.jitter * (2 * dice - 1)
    return int(wait * spread)


def after_failure(
    policy: Policy, failure: Failure, *, attempt: int, now: int, dice: float, retry_after: int | None = None
) -> Retry | Bury:
    """Decide what follows a failed attempt; an executor's own `retry_after` replaces the computed delay."""
    if failure.retryable is False:
        return Bury(reason="the executor said the error cannot be retried")
    if failure.retryable is None and failure.kind in policy.non_retryable:
        return Bury(reason=f"errors of class {failure.kind!r} are not retried")
    if attempt >= policy.max_attempts:
        return Bury(reason="attempts exhausted")
    wait = delay_after(policy, attempt, dice) if retry_after is None else retry_after
    return Retry(at=now + wait)


def claim_rank(priority: int, queued_at: int, *, ageing: bool) -> int:
    """The claim order as one number, smaller first.

    Without ageing: priority descending, then time. With ageing a run gains one point an hour, which is a fixed head
    start in time because all runs age alike, so the order never has to be recomputed.
    """
    if ageing:
        return queued_at - priority * HOUR
    return ((10 - priority) << 53) + queued_at
