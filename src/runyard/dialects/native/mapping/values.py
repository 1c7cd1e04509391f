"""Times, durations, ids, JSON text and pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw

from runyard.dialects.native import wire
from runyard.domain import slices
from runyard.domain.errors import Invalid, NotFound
from runyard.web.paging import cursor

T = TypeVar("T")
K = TypeVar("K", int, str)
V = TypeVar("V")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
SECOND = 1_000_000
_encode = msgspec.json.Encoder().encode
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
NULL = Raw(b"null")


# One clock per transaction: the runs of an answer share most of their times.
@lru_cache(maxsize=1024)
def when(micros: int) -> datetime:
    """Microseconds as a time on the wire."""
    return EPOCH + timedelta(microseconds=micros)


def maybe_when(micros: int | None) -> datetime | None:
    """Microseconds as a time on the wire, if there are any."""
    return None if micros is None else when(micros)


def micros(time: datetime) -> int:
    """A time on the wire as microseconds; a time without offset is UTC. Raises `Invalid`."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    found = (aware - EPOCH) // timedelta(microseconds=1)
    if not FIRST <= found <= LAST:
        raise Invalid(f"the time {time.isoformat()} is out of range; the years 1 to 9999 in UTC are right")
    return found


def maybe_micros(time: datetime | None) -> int | None:
    """A time on the wire as microseconds, if there is one."""
    return None if time is None else micros(time)


def span(seconds: float) -> int:
    """Seconds as microseconds."""
    return round(seconds * SECOND)


def maybe_span(seconds: float | None) -> int | None:
    """Seconds as microseconds, if there are any."""
    return None if seconds is None else round(seconds * SECOND)


def raw(text: str | None) -> Raw | None:
    """Stored JSON text as it goes out."""
    return None if text is None else Raw(text.encode())


def text(value: Raw) -> str:
    """JSON that came in, as it is stored."""
    return bytes(value).decode()


def maybe_text(value: Raw) -> str | None:
    """JSON that came in, if any did and it is not null."""
    body = bytes(value)
    return body.decode() if body and body != b"null" else None


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
        return value[:64]


def page(found: slices.Slice[T, K], shape: Callable[[T], V]) -> wire.Page[V]:
    """A slice of a list on the wire."""
    return wire.Page(
        data=[shape(row) for row in found.rows], next_cursor=None if found.more is None else cursor(found.more)
    )


def said_or_none(value: Any) -> Any:
    """What was said, or None where nothing was."""
    return None if value is UNSET else value


def listed(value: str | list[str] | None) -> list[str] | None:
    """One word or several, as several."""
    return [value] if isinstance(value, str) else value
