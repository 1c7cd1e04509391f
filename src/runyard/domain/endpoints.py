"""How an address that runs are sent to fares: its circuit, and a score of its health."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.policy import SECOND

FAILURES = 5
"""So many failures in a row open the circuit."""
OPEN = 60 * SECOND
WEIGHT = 0.1
"""What the last request counts in the averages."""
SLOW = 30.0
"""Seconds of an answer that is worth nothing for its speed."""
POOR, FAIR = 30.0, 60.0
PROBE = 30 * SECOND
"""How long an endpoint in poor health is left alone before something is tried again."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an address."""

    project_id: int
    url: str
    failures: int = 0
    """In a row, since the circuit was last closed."""
    open_until: int | None = None
    success: float = 1.0
    """Average of the outcomes, 1 for success."""
    latency: float = 0.0
    """Average of the seconds that answers took."""
    updated_at: int = 0


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What requests to an address came to, in order."""

    project_id: int
    url: str
    results: Sequence[tuple[bool, float]]
    """Whether it went well, and how many seconds it took."""


def after(endpoint: Endpoint, tried: Tried, now: int) -> Endpoint:
    """The endpoint after these requests. A success closes its circuit; failures in a row open it."""
    failures, success, latency = endpoint.failures, endpoint.success, endpoint.latency
    open_until = endpoint.open_until
    if open_until is not None and open_until <= now:
        failures, open_until = 0, None
    for well, seconds in tried.results:
        success += WEIGHT * (well - success)
        latency += WEIGHT * (min(seconds, SLOW) - latency)
        if well:
            failures, open_until = 0, None
        else:
            failures += 1
            if failures >= FAILURES and open_until is None:
                open_until = now + OPEN
    return msgspec.structs.replace(
        endpoint, failures=failures, open_until=open_until, success=success, latency=latency, updated_at=now
    )


def score(endpoint: Endpoint) -> float:
    """Health from 0 to 100: half for successes, 30 for the absence of failures, 20 for quick answers."""
    return 50 * endpoint.success + 30 * endpoint.success + 20 * (1 - min(endpoint.latency, SLOW) / SLOW)


def closed_until(endpoint: Endpoint, now: int) -> int | None:
    """Until when nothing may be sent to the endpoint; None when something may be sent now."""
    if endpoint.open_until is not None and endpoint.open_until > now:
        return endpoint.open_until
    probe = endpoint.updated_at + PROBE
    if score(endpoint) < POOR and probe > now:
        return probe
    return None


def share(endpoint: Endpoint) -> float:
    """How much of a job's concurrency the endpoint's health lets through: all, or down to a quarter."""
    health = score(endpoint)
    if health >= FAIR:
        return 1.0
    return 0.25 + 0.75 * max(0.0, health - POOR) / (FAIR - POOR)
