"""Time and new ids, as arguments: tests move the one and count the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import uuid_utils

Ids = Callable[[], str]


class Clock(Protocol):
    """What the server knows of time."""

    def now(self) -> datetime:
        """The time of day."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds are over."""
        ...


class WallClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds are over."""
        await asyncio.sleep(seconds)


def fresh_id() -> str:
    """A new id; later ones sort behind earlier ones."""
    return str(uuid_utils.uuid7())


def stamp(now: datetime) -> str:
    """The time as envelopes hold it: ISO 8601 in milliseconds, with `Z`."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
