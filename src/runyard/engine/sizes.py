"""How big what executors report may be, and how much of it one page carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from runyard.domain.errors import Invalid, TooLarge
from runyard.domain.slices import Slice

T = TypeVar("T")
K = TypeVar("K", int, str)

DOCUMENT = 1 << 20
"""A checkpoint, an output, the data of a log line, what went into or came out of a tool: 1 MiB of JSON text."""
PAGE = 8 << 20
"""A page ends early when its documents pass this."""


def within(limit: int, what: str, text: str | None) -> None:
    """Raise `TooLarge` when the text takes more bytes than the limit."""
    if text is None or len(text) * 4 <= limit:
        return
    size = len(text.encode())
    if size > limit:
        raise TooLarge(f"{what} takes {size} bytes; at most {limit} are kept")


def plain(what: str, text: str | None, *, longest: int, shortest: int = 0) -> None:
    """Raise `Invalid` when a short text is too short, too long, or holds what a database cannot keep."""
    if text is None:
        return
    if not shortest <= len(text) <= longest:
        raise Invalid(f"{what} has {len(text)} characters; {shortest} to {longest} are right")
    if "\0" in text:
        raise Invalid(f"{what} holds a NUL character")


def fitting(sizes: Sequence[int], limit: int) -> int:
    """How many of the next rows make a page: at most `limit`, and at least one, though it alone be too big."""
    total = 0
    for count, size in enumerate(sizes[:limit]):
        total += size
        if total > PAGE and count > 0:
            return count
    return min(limit, len(sizes))


def sliced(ahead: Sequence[tuple[K, int]], limit: int, between: Callable[[K, K], list[T]]) -> Slice[T, K]:
    """The rows that make a page, of the next ones by key and size (one more than a page has)."""
    count = fitting([size for _, size in ahead], limit)
    if count == 0:
        return Slice(rows=[], more=None)
    first, last = ahead[0][0], ahead[count - 1][0]
    return Slice(rows=between(first, last), more=last if count < len(ahead) else None)
