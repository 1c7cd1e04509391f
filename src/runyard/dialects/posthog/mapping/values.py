"""Words, times and pages of the dialect."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from runyard.dialects.posthog.wire.runs import Status
from runyard.domain.states import RunState
from runyard.web.entries import instant

STATUS: dict[RunState, Status] = {  # DESIGN §4
    RunState.DRAFT: "not_started",
    RunState.SCHEDULED: "queued",
    RunState.QUEUED: "queued",
    RunState.CLAIMED: "queued",
    RunState.STARTING: "in_progress",
    RunState.RUNNING: "in_progress",
    RunState.WAITING: "in_progress",
    RunState.PAUSED: "in_progress",
    RunState.COMPLETED: "completed",
    RunState.FAILED: "failed",
    RunState.TIMED_OUT: "failed",
    RunState.CRASHED: "failed",
    RunState.SYSTEM_FAILED: "failed",
    RunState.EXPIRED: "failed",
    RunState.DEAD_LETTER: "failed",
    RunState.CANCELED: "cancelled",
    RunState.NEEDS_ATTENTION: "queued",
}
WANTED: dict[str, RunState] = {
    "not_started": RunState.DRAFT,
    "queued": RunState.QUEUED,
    "in_progress": RunState.RUNNING,
    "completed": RunState.COMPLETED,
    "failed": RunState.FAILED,
    "cancelled": RunState.CANCELED,
}
PAGE = 100


def instant_or_none(at: int | None) -> str | None:
    """The time, where there is one."""
    return None if at is None else instant(at)


def place(query: bytes) -> tuple[int, int]:
    """(offset, limit) of a page: what is no number counts as not said, more than the most as that (contract §4)."""
    said = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    limit, offset = _number(said.get("limit", "")), _number(said.get("offset", ""))
    return min(max(offset or 0, 0), 2**31), min(limit, PAGE) if limit is not None and limit >= 1 else PAGE


def _number(text: str) -> int | None:
    text = text.strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None


def around(url: str, query: bytes, *, offset: int, limit: int, total: int) -> tuple[str | None, str | None]:
    """The URLs of the next and the previous page; they keep the rest of the query."""
    rest = [
        (name, value)
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        if name not in ("limit", "offset")
    ]
    following = _page(url, rest, offset + limit, limit) if offset + limit < total else None
    before = _page(url, rest, max(offset - limit, 0), limit) if offset > 0 else None
    return following, before


def _page(url: str, rest: list[tuple[str, str]], offset: int, limit: int) -> str:
    said: list[tuple[str, Any]] = [("limit", limit), *([("offset", offset)] if offset else []), *rest]
    return f"{url}?{urlencode(said)}"
