"""Times, durations, ids, JSON text and pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from msgspec import UNSET, Raw

from runyard.dialects.native import wire
from runyard.domain import slices
from runyard.web.paging import cursor
from runyard.web.values import SECOND, given_text, lenient_id, micros, run_id, text, when

__all__ = [  # what routes and mappings find here, whoever made it
    "SECOND", "given_text", "lenient_id", "micros", "run_id", "text", "when",
]  # fmt: skip

T = TypeVar("T")
K = TypeVar("K", int, str)
V = TypeVar("V")

NULL = Raw(b"null")


def maybe_when(micros: int | None) -> datetime | None:
    """Microseconds as a time on the wire, if there are any."""
    return None if micros is None else when(micros)


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


def maybe_text(value: Raw) -> str | None:
    """JSON that came in, if any did and it is not null."""
    body = bytes(value)
    return body.decode() if body and body != b"null" else None


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
