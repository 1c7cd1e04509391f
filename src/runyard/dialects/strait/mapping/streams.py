"""Frames of event streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from runyard.dialects.strait.mapping.runs import STATUS
from runyard.dialects.strait.mapping.values import maybe, when
from runyard.dialects.strait.wire import streams as wire
from runyard.domain.errors import DomainError
from runyard.domain.records import Chunk, Event, LogEntry
from runyard.domain.states import RunState
from runyard.streams.feed import Frame
from runyard.streams.sse import frame
from runyard.web.reply import encode

KEEPALIVE = b": keepalive\n\n"


def frames(lines: Sequence[Event | LogEntry], *, job_id: str | None, slug: str) -> list[Frame]:
    """A run's journal and log as frames; what changed no status is left out."""
    return [*_told(lines, job_id, slug)]


def _told(lines: Sequence[Event | LogEntry], job_id: str | None, slug: str) -> Iterator[Frame]:
    for line in lines:
        said = _logged(line) if isinstance(line, LogEntry) else _changed(line, job_id, slug)
        if said is not None:
            yield line.seq, frame(encode(said))


def _logged(line: LogEntry) -> wire.LoggedEvent:
    return wire.LoggedEvent(
        event_type=line.type,
        run_id=line.run_id,
        level=line.level,
        message=line.message,
        data=Raw(b"{}") if line.data is None else Raw(line.data.encode()),
        timestamp=when(line.at),
    )


def _changed(event: Event, job_id: str | None, slug: str) -> wire.StatusChangeEvent | None:
    said: Any = msgspec.json.decode(event.data)
    if event.run_id is None or "from" not in said or "to" not in said:
        return None
    source, to = STATUS[RunState(said["from"])], STATUS[RunState(said["to"])]
    if source == to:
        return None
    error = said.get("error")
    return wire.StatusChangeEvent(
        run_id=event.run_id,
        job_id=maybe(job_id),
        project_id=slug,
        source=source,
        to=to,
        error=error if isinstance(error, str) else UNSET,
        timestamp=when(event.at),
    )


def chunk_frames(chunks: Sequence[Chunk]) -> list[Frame]:
    """Chunks as frames."""
    return [
        (
            one.seq,
            frame(
                encode(
                    wire.StreamChunkEvent(chunk=one.chunk, stream_id=one.stream, done=one.done, timestamp=when(one.at))
                )
            ),
        )
        for one in chunks
    ]


def trouble(error: DomainError) -> bytes:
    """The last frame of a stream that breaks off."""
    return frame(encode(wire.StreamError(error=error.detail)), event="error")
