"""What streams bring: the journal, logs, output as it came, and how it ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model


class Event(Model, frozen=True, kw_only=True):
    """One line of the journal."""

    seq: int
    type: str
    run_id: str | None = None
    at: datetime | None = None
    actor: str | None = None
    data: Any = None


class LogEntry(Model, frozen=True, kw_only=True):
    """One line of a run's log."""

    seq: int
    message: str
    run_id: str = ""
    attempt: int = 0
    at: datetime | None = None
    level: str = "info"
    data: Any = None
    type: str = "log"


class Chunk(Model, frozen=True, kw_only=True):
    """A piece of a run's output as it came."""

    seq: int
    chunk: str
    run_id: str = ""
    at: datetime | None = None
    stream: str = "default"
    done: bool = False


class Done(Model, frozen=True, kw_only=True):
    """The last item of a run's stream: how the run ended."""

    state: str


class Resync(Model, frozen=True, kw_only=True):
    """The stream could not go on where it broke off: what came between is gone from it, so read the run again."""

    data: Any = None
