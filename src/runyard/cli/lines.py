"""A followed run as JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runyard.cli import output

if TYPE_CHECKING:
    from runyard.sdk.models import Event, LogEntry, Run


class Lines:
    """Prints each event and log entry as one JSON object, with `kind` saying which it is."""

    def __init__(self, *, events: bool = True, logs: bool = True) -> None:
        self._events = events
        self._logs = logs

    def event(self, event: Event) -> None:
        """Print a line of the journal."""
        if self._events:
            output.line({"kind": "event", **msgspec.structs.asdict(event)})

    def log(self, entry: LogEntry) -> None:
        """Print a line of the log."""
        if self._logs:
            output.line({"kind": "log", **msgspec.structs.asdict(entry)})

    def idle(self, run: Run, why: str) -> None:
        """Print nothing: programs wait without being told to."""
