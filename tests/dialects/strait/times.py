"""Times on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.dialects.strait.client import Strait


def at(strait: Strait, *, seconds: float = 0) -> str:
    """A time on the wire, so long from the server's now."""
    moment = datetime.fromtimestamp(strait.stand.clock.now() / 1_000_000, UTC) + timedelta(seconds=seconds)
    return moment.isoformat().replace("+00:00", "Z")


def seconds_between(earlier: str, later: str) -> float:
    """How long it is from one time on the wire to another."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
