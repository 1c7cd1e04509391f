"""How a worker tries again: always, for as long as it lives."""

from __future__ import annotations

from dataclasses import replace

from runyard.sdk.errors import Forbidden, RunyardError, Unauthorized, Unreachable
from runyard.sdk.exchange import Patience

# Worth trying again unchanged: the connection, the server's load, and keys that somebody may yet repair.
PASSING = (Unreachable, Unauthorized, Forbidden)


def once(patience: Patience) -> Patience:
    """For calls that have a loop of their own around them."""
    return replace(patience, retries=0)


def stubborn(patience: Patience) -> Patience:
    """For reports of a handler, which would rather wait a minute than lose its work."""
    return replace(patience, retries=max(patience.retries, 12))


def passes(error: RunyardError) -> bool:
    """Whether the same request may well succeed later."""
    return error.retryable or error.status >= 500 or isinstance(error, PASSING)


def pause(patience: Patience, error: RunyardError, failures: int) -> float:
    """How long to wait before trying again."""
    return max(min(error.retry_after or 0.0, patience.longest_retry_after), patience.delay(failures), 0.02)
