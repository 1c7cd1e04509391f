"""Values as most dialects say them: RFC 3339 times, UUIDs, JSON that nobody looks into."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from msgspec import Raw

from runyard.domain.errors import Invalid, NotFound

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
SECOND = 1_000_000
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


# One clock per transaction: the runs of an answer share most of their times.
@lru_cache(maxsize=1024)
def when(micros: int) -> datetime:
    """Microseconds as a time on the wire."""
    return EPOCH + timedelta(microseconds=micros)


def micros(time: datetime) -> int:
    """A time on the wire as microseconds; a time without offset is UTC. Raises `Invalid`."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    found = (aware - EPOCH) // timedelta(microseconds=1)
    if not FIRST <= found <= LAST:
        raise Invalid(f"the time {time.isoformat()} is out of range; the years 1 to 9999 in UTC are right")
    return found


def text(value: Raw) -> str:
    """JSON that came in, as it is stored."""
    return bytes(value).decode()


def given_text(value: Raw) -> str | None:
    """JSON that came in, null too, if any did."""
    body = bytes(value)
    return body.decode() if body else None


def run_id(value: str) -> str:
    """The id in its canonical form. Raises `NotFound` when it cannot be one."""
    try:
        return str(UUID(value))
    except ValueError:
        raise NotFound(f"there is no run {value[:64]!r}: ids are UUIDs") from None


def lenient_id(value: str) -> str:
    """The id in its canonical form, or as it is when it cannot be one (nothing will be found under it)."""
    if _CANONICAL(value):
        return value
    try:
        return str(UUID(value))
    except ValueError:
        return value[:64].replace("\0", "")
