"""Ids, times, words and numbers on the wire (contract §1). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import Raw

from runyard.domain.errors import Invalid, NotFound
from runyard.domain.records import Json
from runyard.domain.tasks import HIGH, LOW, MEDIUM, URGENT
from runyard.web.values import LAST, SECOND, micros, when

NEVER = "0001-01-01T00:00:00Z"
"""A time that must be said and is not there."""
PRIORITIES: Mapping[str, int] = {"low": LOW, "medium": MEDIUM, "high": HIGH, "urgent": URGENT}
OWNERS = ("human", "agent_session", "automation", "extension", "network_peer", "pool")
_HEX = re.compile(r"[0-9a-fA-F]{32}").fullmatch


# What is answered says most of its ids several times.
@lru_cache(maxsize=4096)
def shown(prefix: str, id: str) -> str:
    """An id on the wire: `task-`, `run-`, … and 32 digits; or what its maker chose, which stands behind a `~`."""
    return id.partition("~")[2] if "~" in id else f"{prefix}-{id.replace('-', '')}"


def shown_if(prefix: str, id: str | None) -> str:
    """The same of an id that may be missing, which is ''."""
    return "" if id is None else shown(prefix, id)


def read(prefix: str, text: str, project_id: int | None = None) -> str:
    """The id behind one on the wire; with a project, whatever is not of our own form is a name chosen in it.

    Raises `NotFound` for what cannot be an id.
    """
    text = text.strip()
    found = text.removeprefix(f"{prefix}-") if text.startswith(f"{prefix}-") else ""
    if _HEX(found) is not None:
        found = found.lower()
        return f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:]}"
    if project_id is not None and text and "\0" not in text and len(text) <= 128:
        return f"{project_id}~{text}"
    raise NotFound(f"there is no {prefix} {text[:64]!r}")


def wanted(prefix: str, text: str | None, project_id: int | None = None) -> str | None:
    """The id to filter by: None where none was said, '' (which nothing has) for what cannot be one."""
    if text is None or not text.strip():
        return None
    try:
        return read(prefix, text, project_id)
    except NotFound:
        return ""


# One clock per transaction: what is answered together shares most of its times.
@lru_cache(maxsize=4096)
def instant(time: int | None) -> str:
    """A time in UTC with `Z`, without trailing zeros; '' where there is none."""
    if time is None:
        return ""
    seconds, rest = divmod(time, SECOND)
    text = _to_the_second(seconds)
    return f"{text}.{rest:06d}".rstrip("0") + "Z" if rest else f"{text}Z"


# What was made at different times was often made within a few seconds.
@lru_cache(maxsize=4096)
def _to_the_second(seconds: int) -> str:
    return when(seconds * SECOND).isoformat().removesuffix("+00:00")


def instant_or_never(time: int | None) -> str:
    """The same of a time that must be said."""
    return instant(time) or NEVER


def moment(name: str, text: str | None) -> int | None:
    """The time behind an RFC 3339 text. Raises `Invalid`."""
    if text is None or not text.strip():
        return None
    try:
        return micros(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError, Invalid):
        raise Invalid(f"`{name}` must be an RFC 3339 time such as 2026-01-15T10:30:00Z, not {text[:64]!r}") from None


def trimmed(text: str | None) -> str | None:
    """The text without blanks around it; None where nothing is left."""
    return (text or "").strip() or None


def one_of(name: str, text: str | None, words: Sequence[str]) -> str | None:
    """One of the words, in any case; None where none was said. Raises `Invalid`."""
    text = trimmed(text)
    if text is None:
        return None
    if text.lower() not in words:
        raise Invalid(f"`{name}` must be one of {', '.join(words)}, not {text[:64]!r}")
    return text.lower()


def whole(name: str, text: str | None, *, least: int = 0, most: int = LAST) -> int | None:
    """A whole number of the query; None where none was said. Raises `Invalid`."""
    text = trimmed(text)
    if text is None:
        return None
    digits = text.removeprefix("-").removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise Invalid(f"`{name}` must be a whole number from {least} on, not {text[:32]!r}")
    return int(text)


def limit(text: str | None) -> int | None:
    """How many entries at most; None is any number (contract §1). Raises `Invalid`."""
    return whole("limit", text) or None


def flag(name: str, text: str | None) -> bool:
    """A yes or no of the query. Raises `Invalid`."""
    text = trimmed(text)
    if text is None:
        return False
    if text.lower() not in {"true", "false", "1", "0", "t", "f"}:
        raise Invalid(f"`{name}` must be true or false, not {text[:16]!r}")
    return text.lower() in {"true", "1", "t"}


@lru_cache(maxsize=64)
@lru_cache(maxsize=64)
def priority_shown(priority: int) -> str:
    """The engine's priority in one of this dialect's four words, the next lower where it has none of its own."""
    return next((word for word, least in reversed(list(PRIORITIES.items())) if priority >= least), "low")


def raw(text: Json | None) -> Raw | None:
    """JSON as it is kept, to be sent; None where there is none, or null."""
    return None if text in (None, "null") else Raw(text.encode())


def given(value: Raw) -> Json | None:
    """JSON that came in, as it is kept; None where none or null did."""
    text = bytes(value).decode()
    return None if text in ("", "null") else text
