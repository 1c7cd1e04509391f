"""Timelines of tasks."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Somebody(msgspec.Struct, kw_only=True):
    """A person or a program: `human`, `agent_session`, `automation`, `extension`, `network_peer` or `daemon`."""

    kind: str
    ref: str


class TaskEvent(msgspec.Struct, kw_only=True):
    """One line of a task's timeline; `seq` grows over the whole server."""

    seq: int
    id: str
    task_id: str
    run_id: str | None
    type: str
    at: datetime
    actor: Somebody
    origin: Somebody
    """The door it came through, and what was asked for there."""
    data: msgspec.Raw
