"""How big what executors report may be."""

from __future__ import annotations

from runyard.domain.errors import Invalid, TooLarge

DOCUMENT = 1 << 20
"""A checkpoint, an output, the data of a log line, what went into or came out of a tool: 1 MiB of JSON text."""


def within(limit: int, what: str, text: str | None) -> None:
    """Raise `TooLarge` when the text takes more bytes than the limit."""
    if text is None or len(text) * 4 <= limit:
        return
    size = len(text.encode())
    if size > limit:
        raise TooLarge(f"{what} takes {size} bytes; at most {limit} are kept")


def plain(what: str, text: str | None, *, longest: int) -> None:
    """Raise `Invalid` when a short text is too long or holds what a database cannot keep."""
    if text is None:
        return
    if len(text) > longest:
        raise Invalid(f"{what} has {len(text)} characters; at most {longest} are kept")
    if "\0" in text:
        raise Invalid(f"{what} holds a NUL character")
