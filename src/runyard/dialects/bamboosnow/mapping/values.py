"""Ids, times and pages on the wire (contract §3, §4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from runyard.domain.errors import Invalid, NotFound
from runyard.web.values import LAST, SECOND, micros, when

NOBODY = "0" * 32
"""The id of the agent of a run that has none."""
MOST_A_PAGE = 100
_HEX = re.compile(r"[0-9a-fA-F]{32}").fullmatch
_WORDS = {
    "run": "run",
    "agent": "agent",
    "repo": "repository",
    "issue": "issue",
    "key": "API key",
    "hook": "webhook",
    "delivery": "delivery",
}


def shown(prefix: str, id: str) -> str:
    """An id on the wire: `run_`, `agent_`, … and 32 digits."""
    return f"{prefix}_{id.replace('-', '')}"


def read(prefix: str, text: str) -> str:
    """The id behind one on the wire. Raises `NotFound` for one of another form (DESIGN §5)."""
    found = text.removeprefix(f"{prefix}_") if text.startswith(f"{prefix}_") else ""
    if _HEX(found) is None:
        raise NotFound(f"there is no {_WORDS[prefix]} {text[:64]!r}; its id is {prefix}_ and 32 hexadecimal digits")
    return str(UUID(found))


def wanted(prefix: str, text: str | None) -> str | None:
    """The id to filter by, '' (which nothing has) for one of another form."""
    if text is None:
        return None
    try:
        return read(prefix, text)
    except NotFound:
        return ""


def seconds(time: int | None) -> str | None:
    """A time in whole seconds, UTC with `Z`."""
    return None if time is None else f"{when(time):%Y-%m-%dT%H:%M:%S}Z"


def millis(time: int) -> str:
    """A time in milliseconds, UTC with `Z`."""
    return f"{when(time):%Y-%m-%dT%H:%M:%S}.{time % SECOND // 1000:03d}Z"


def instant(name: str, text: str | None) -> int | None:
    """The time behind an ISO 8601 text; without offset it is UTC. Raises `Invalid`."""
    if text is None:
        return None
    try:
        # A `+` that was not encoded arrives as a space.
        return micros(datetime.fromisoformat(text.strip().replace(" ", "+") if text.count(" ") == 1 else text))
    except (ValueError, OverflowError, Invalid):
        raise Invalid(f"`{name}` must be an ISO 8601 time such as 2024-01-15T10:30:00Z, not {text[:64]!r}") from None


def number(name: str, text: str | None, default: int, *, least: int = 1, most: int = LAST) -> int:
    """A whole number of the query. Raises `Invalid`."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 16 or not least <= int(text) <= most:
        raise Invalid(f"`{name}` must be a whole number from {least} to {most}, not {text[:32]!r}")
    return int(text)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of a list is asked for."""

    page: int
    per_page: int

    @property
    def offset(self) -> int:
        """How many entries stand before it."""
        return (self.page - 1) * self.per_page


def place(page: str | None, per_page: str | None) -> Place:
    """The page asked for. Raises `Invalid`."""
    # Nobody turns so many pages; more would be beyond what a database counts.
    found = number("page", page, 1, most=10**9)
    return Place(page=found, per_page=number("per_page", per_page, 20, most=MOST_A_PAGE))


def one_of(name: str, text: str | None, words: Sequence[str]) -> str | None:
    """A word of the query. Raises `Invalid` for one that is not known."""
    if text is not None and text not in words:
        raise Invalid(f"`{name}` must be one of {', '.join(words)}, not {text[:32]!r}")
    return text
