"""Chat threads that hear of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class PutThread(msgspec.Struct, kw_only=True):
    """The thread that is to hear of a run."""

    channel: Annotated[str, Meta(max_length=64, description="The channel's id, such as C0123456789.")]
    thread: Annotated[str, Meta(max_length=64, description="The timestamp of the message that the thread hangs from.")]
    mention: Annotated[str, Meta(max_length=64, description="Who is named with every message, by id.")] | None = None
    service: Literal["slack"] = "slack"


class Thread(msgspec.Struct, kw_only=True):
    """A thread that hears of a run."""

    run_id: str
    service: str
    channel: str
    thread: str
    mention: str | None
    created_at: datetime
    updated_at: datetime


class Relay(msgspec.Struct, kw_only=True):
    """Something that was to be said in the run's thread."""

    id: str
    kind: Annotated[str, Meta(description="`message` of the agent, or `update` of how the run stands.")]
    state: Annotated[str, Meta(description="`queued`, `sent`, `failed`, or `dropped` as nobody would have heard it.")]
    text: str | None
    attempts: int
    error: str | None
    created_at: datetime
    due_at: datetime | None
    done_at: datetime | None
