"""What goes over event streams (contract §18)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from runyard.dialects.strait.wire.values import Time


class StatusChangeEvent(msgspec.Struct, kw_only=True, rename={"source": "from"}):
    """A run went from one status to another."""

    type: str = "status_change"
    run_id: str
    job_id: str | UnsetType = UNSET
    project_id: str
    source: str
    to: str
    error: str | UnsetType = UNSET
    timestamp: Time


class LoggedEvent(msgspec.Struct, kw_only=True):
    """A run said something."""

    type: str = "event"
    event_type: str
    run_id: str
    level: str
    message: str
    data: Raw
    timestamp: Time


class StreamChunkEvent(msgspec.Struct, kw_only=True):
    """A piece of a run's output."""

    type: str = "stream_chunk"
    chunk: str
    stream_id: str
    done: bool
    timestamp: Time


class StreamError(msgspec.Struct, kw_only=True):
    """Why a stream breaks off."""

    error: str
