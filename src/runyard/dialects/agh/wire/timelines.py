"""Shapes of timelines (contract §23)."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.wire.runs import Identity, RunSummary
from runyard.dialects.agh.wire.tasks import Reference


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line in a task's detail."""

    id: str
    task_id: str
    event_type: str
    actor: Identity
    origin: Identity
    timestamp: str
    run_id: str = ""
    payload: Raw | None = None


class Item(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of a timeline, with task and run as they stand now."""

    event_id: str
    sequence: int
    event_type: str
    actor: Identity
    origin: Identity
    timestamp: str
    task: Reference
    run: RunSummary | None = None
    payload: Raw | None = None


class TimelineAnswer(msgspec.Struct, kw_only=True):
    """A task's timeline."""

    timeline: list[Item]


class StreamEvent(msgspec.Struct, kw_only=True):
    """A line as it is streamed."""

    sequence: int
    type: str
    timeline: Item
