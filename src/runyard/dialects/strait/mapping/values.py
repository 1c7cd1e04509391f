"""Times, ids, JSON text, version ids and lists, both ways."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from msgspec import UNSET, Raw, UnsetType

from runyard.domain.errors import Invalid, NotFound

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_CURSOR = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,64}))?([Zz]|[+-]\d\d:\d\d)")


@lru_cache(maxsize=1024)
def when(micros: int) -> datetime:
    """Microseconds as a time on the wire."""
    return EPOCH + timedelta(microseconds=micros)


def maybe_when(micros: int | None) -> datetime | UnsetType:
    """Microseconds as a time on the wire, left out when there are none."""
    return UNSET if micros is None else when(micros)


def micros(time: datetime) -> int:
    """A time on the wire as microseconds; a time without offset is UTC."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)


def maybe(value: T | None) -> T | UnsetType:
    """A value, left out when it is None."""
    return UNSET if value is None else value


def maybe_raw(text: str | None) -> Raw | UnsetType:
    """Stored JSON text, left out when there is none."""
    return UNSET if text is None else Raw(text.encode())


def text(value: Raw) -> str:
    """JSON that came in, as it is stored."""
    return bytes(value).decode()


def given(value: Raw) -> str | None:
    """JSON that came in (null too), or None when nothing did."""
    body = bytes(value)
    return body.decode() if body else None


def run_id(value: str) -> str:
    """The id in its canonical form. Raises `NotFound` when it cannot be one."""
    try:
        return str(UUID(value))
    except ValueError:
        raise NotFound(f"there is no run {value[:64]!r}") from None


def lenient_id(value: str) -> str:
    """The id in its canonical form, or something that nothing is found under."""
    try:
        return str(UUID(value))
    except ValueError:
        return value[:64].replace("\0", "")


def version_id(job_id: str, version: int) -> str:
    """`ver_` and twelve characters that stand for this version of this job (contract §1)."""
    number = int.from_bytes(hashlib.sha256(f"{job_id}:{version}".encode()).digest()[:9], "big")
    digits = []
    for _ in range(12):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "ver_" + "".join(digits)


def cursor(at: int, row_id: str) -> str:
    """The place of a row in a list by time: its time, with the id told in digits beyond the microseconds.

    RFC 3339 allows any number of them, so it still reads as the row's time (contract §23), and rows of one
    microsecond are told apart.
    """
    base = when(at).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{base}.{at % SECOND:06d}{UUID(row_id).int:039d}Z"


def place(value: str | None) -> tuple[int, str | None] | None:
    """Time and, when the cursor is one of ours, id of the row a page goes on from. Raises `Invalid`."""
    if value is None or not value:
        return None
    # A `+` that was not encoded arrives as a space.
    found = _CURSOR.fullmatch(value.strip().replace(" ", "+") if value.count(" ") == 1 else value)
    if found is None:
        raise Invalid("the cursor must be an RFC 3339 time: created_at of the last entry, or X-Next-Cursor as given")
    seconds, fraction, zone = found.group(1), found.group(2) or "", found.group(3)
    try:
        whole = datetime.fromisoformat(seconds.replace("t", "T") + ("+00:00" if zone in "Zz" else zone))
        at = micros(whole) + int((fraction + "000000")[:6])
    except (ValueError, OverflowError):
        raise Invalid("the cursor must be an RFC 3339 time") from None
    beyond = fraction[6:]
    if len(beyond) != 39 or int(beyond) >= 1 << 128:
        return at, None
    return at, str(UUID(int=int(beyond)))


def limit_in(value: str | None, default: int = 50, most: int = 100) -> int:
    """How many entries a page holds (contract §23): clamped above, refused below one. Raises `Invalid`."""
    if value is None or value == "":
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 9 or int(value) < 1:
        raise Invalid(f"limit must be a number from 1 to {most}")
    return min(int(value), most)


def shown(rows: Sequence[T], limit: int, place_of: Callable[[T], tuple[int, str]]) -> tuple[Sequence[T], str | None]:
    """A page of at most `limit` of the rows (ask for one more), and the cursor for the next."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor(*place_of(rows[limit - 1]))
