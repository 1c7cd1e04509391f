"""Request rate limits, in memory and off by default."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from runyard.domain.errors import RateLimited
from runyard.streams.asgi import Header

BUCKETS = 10_000


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What is left after a request, for the `RateLimit` headers."""

    name: str
    per_minute: int
    left: int
    reset: int
    """Seconds until the bucket is full again."""

    def headers(self) -> list[Header]:
        """The headers that tell a client."""
        policy = f'"{self.name}";q={self.per_minute};w=60'
        state = f'"{self.name}";r={self.left};t={self.reset}'
        return [(b"ratelimit-policy", policy.encode("latin-1")), (b"ratelimit", state.encode("latin-1"))]


class RateLimit:
    """A token bucket for each caller: `per_minute` at once, refilled evenly. Zero is no limit."""

    def __init__(self, name: str, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.per_minute = per_minute
        self.clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> Quota | None:
        """Count a request of the caller; None when nothing is limited.

        Raises `RateLimited`, with what is left as `quota` among its extras.
        """
        if not self.per_minute:
            return None
        now, rate = self.clock(), self.per_minute / 60
        tokens, since = self._buckets.pop(caller, (float(self.per_minute), now))
        tokens = min(float(self.per_minute), tokens + (now - since) * rate)
        taken = tokens >= 1
        tokens -= taken
        self._buckets[caller] = (tokens, now)
        if len(self._buckets) > BUCKETS:
            self._buckets.popitem(last=False)
        reset = -int(-(self.per_minute - tokens) / rate // 1)
        quota = Quota(name=self.name, per_minute=self.per_minute, left=int(tokens), reset=reset)
        if not taken:
            wait = -int(-(1 - tokens) / rate // 1)
            raise RateLimited(
                f"more than {self.per_minute} requests a minute for this {self.name}; wait {wait} s",
                retry_after=wait,
                quota=quota,
            )
        return quota
