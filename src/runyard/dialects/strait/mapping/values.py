"""Times, ids, JSON text, version ids and lists, both ways."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from msgspec import UNSET, Raw, UnsetType

from runyard.domain.errors import Invalid
from runyard.web.values import EPOCH, SECOND, given_text, lenient_id, micros, run_id, text, when

__all__ = [  # what routes and mappings find here, whoever made it
    "EPOCH", "SECOND", "given_text", "lenient_id", "micros", "run_id", "text", "when",
]  # fmt: skip

T = TypeVar("T")

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_CURSOR = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,64}))?([Zz]|[+-]\d\d:\d\d)")


def maybe_when(micros: int | None) -> datetime | UnsetType:
    """Microseconds as a time on the wire, left out when there are none."""
    return UNSET if micros is None else when(micros)


def maybe(value: T | None) -> T | UnsetType:
    """A value, left out when it is None."""
    return UNSET if value is None else value


def maybe_raw(text: str | None) -> Raw | UnsetType:
    """Stored JSON text, left out when there is none."""
    return UNSET if text is None else Raw(text.encode())


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
