"""How far a run says it is, read from its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runyard.sdk.models import LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is being done, and how much of it."""

    message: str
    done: float | None = None
    total: float | None = None

    @property
    def count(self) -> str:
        """How much of how much, where that is known."""
        if self.done is None:
            return ""
        return f"{self.done:,.10g} of {self.total:,.10g}" if self.total else f"{self.done:,.10g}"

    def __str__(self) -> str:
        """For a line of text."""
        return f"{self.message} ({self.count})" if self.count else self.message


def progress_of(entry: LogEntry) -> Progress | None:
    """The progress a log entry tells in `data.progress`, if it does."""
    told = entry.data.get("progress") if isinstance(entry.data, Mapping) else None
    if told is None or told is False:
        return None
    if isinstance(told, Mapping):
        return Progress(message=entry.message, done=_number(told.get("done")), total=_number(told.get("total")))
    return Progress(message=entry.message, done=_number(told), total=1.0 if _number(told) is not None else None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
