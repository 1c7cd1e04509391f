"""Journal and logs, read page by page or followed live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native import mapping, wire
from runyard.domain.records import Chunk, Event, LogEntry
from runyard.domain.slices import Slice
from runyard.domain.states import FINAL, PARKED
from runyard.engine import chunks, events, logs, runs
from runyard.storage.port import Store, Tx
from runyard.streams.feed import Batch, Feeds, Frame, seen
from runyard.streams.sse import EventStream, frame, start_after
from runyard.web.call import Call
from runyard.web.paging import After, Cursor, Limit, place
from runyard.web.reply import Streamed, encode

EVENT_STREAM = "text/event-stream"
Line = Event | LogEntry | Chunk


def _frame(line: Line) -> Frame:
    if isinstance(line, LogEntry):
        return line.seq, frame(encode(mapping.log_out(line)), event="log", id=line.seq)
    if isinstance(line, Chunk):
        return line.seq, frame(encode(mapping.chunk_out(line)), event="chunk", id=line.seq)
    return line.seq, frame(encode(mapping.event_out(line)), event=line.type, id=line.seq)


RESYNC = frame(encode({"detail": "lines after your last one are gone; read the run anew"}), event="resync")


_PARTS: dict[str, Callable[..., Slice[Any, int]]] = {
    "logs": logs.of_run,
    "chunks": chunks.of_run,
    "events": events.of_run,
}


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at the store found, on one snapshot."""

    lines: Sequence[Line]
    more: bool
    """Whether more is there already."""
    newest: int
    oldest: int
    ended: str | None = None
    """The run's state, when it has ended and the lines are its whole rest."""


def _look_at_run(tx: Tx, project_id: int, run_id: str, kind: str, after: int, limit: int) -> _Look:
    found = _PARTS.get(kind, events.tail)(tx, project_id, run_id, after=after, limit=limit)
    lines, more = found.rows, found.more is not None
    run = runs.find(tx, project_id, run_id)
    ended = run.state in FINAL | PARKED and not more
    # A run's own lines go only with the run itself, so nothing of it can be missing.
    said = run.state.value if ended else None
    return _Look(lines=lines, more=more, newest=events.newest_seq(tx), oldest=0, ended=said)


def _look_at_project(tx: Tx, project_id: int, after: int, limit: int) -> _Look:
    found = events.of_project(tx, project_id, after=after, limit=limit)
    more = found.more is not None
    return _Look(lines=found.rows, more=more, newest=events.newest_seq(tx), oldest=events.oldest_seq(tx, project_id))


def _batch(found: _Look, after: int) -> Batch:
    frames = [_frame(line) for line in found.lines]
    end = None if found.ended is None else frame(encode({"state": found.ended}), event="done")
    return Batch(
        frames=frames,
        upto=seen(frames, newest=found.newest, more=found.more),
        more=found.more,
        gap=0 < after < found.oldest,
        end=end,
    )


async def _read_run(store: Store, project_id: int, run_id: str, kind: str, after: int, limit: int) -> Batch:
    return _batch(await store.read(_look_at_run, project_id, run_id, kind, after, limit), after)


async def _read_project(store: Store, project_id: int, after: int, limit: int) -> Batch:
    return _batch(await store.read(_look_at_project, project_id, after, limit), after)


def _wants_stream(call: Call) -> bool:
    return EVENT_STREAM in (call.header("accept") or "")


def handlers(feeds: Feeds) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    async def follow_run(call: Call, run_id: str, kind: str, after: int | None) -> Streamed:
        wanted = mapping.run_id(run_id)
        await call.read(runs.find, call.project_id, wanted)
        position = start_after(call.header("last-event-id"), after)
        read = partial(_read_run, call.store, call.project_id, wanted, kind)
        topics = (f"run:{wanted}", f"chunks:{wanted}") if kind == "chunks" else (f"run:{wanted}",)
        source = feeds.follow((kind, wanted), topics, read, after=position, resync=RESYNC)
        return Streamed(EventStream(source))

    @get("/v1/runs/{run_id:str}/stream", needs="runs:read", media_type=EVENT_STREAM)
    async def stream_run(call: Call, run_id: str, after: After = None) -> Streamed:
        """Follow the run's journal and log as server-sent events from `Last-Event-ID` or `after` on; `done` ends it."""
        return await follow_run(call, run_id, "all", after)

    @get("/v1/runs/{run_id:str}/events", needs="runs:read")
    async def list_run_events(
        call: Call,
        run_id: str,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
        type: str | None = None,
    ) -> wire.Page[wire.Event] | Streamed:
        """The run's journal, oldest first; followed live when `text/event-stream` is accepted."""
        if _wants_stream(call):
            return await follow_run(call, run_id, "events", after)
        (start,) = place(cursor, tuple[int]) or (after or 0,)
        wanted = mapping.run_id(run_id)
        found = await call.read(events.of_run, call.project_id, wanted, after=start, limit=limit, type=type)
        return mapping.page(found, mapping.event_out)

    @get("/v1/runs/{run_id:str}/logs", needs="runs:read")
    async def list_run_logs(
        call: Call,
        run_id: str,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
        level: str | None = None,
        type: str | None = None,
    ) -> wire.Page[wire.LogEntry] | Streamed:
        """The run's log, oldest first; followed live when `text/event-stream` is accepted."""
        if _wants_stream(call):
            return await follow_run(call, run_id, "logs", after)
        (start,) = place(cursor, tuple[int]) or (after or 0,)
        wanted = mapping.run_id(run_id)
        asked: dict[str, Any] = {"after": start, "limit": limit, "level": level, "type": type}
        found = await call.read(logs.of_run, call.project_id, wanted, **asked)
        return mapping.page(found, mapping.log_out)

    @get("/v1/runs/{run_id:str}/chunks", needs="runs:read")
    async def list_run_chunks(
        call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> wire.Page[wire.Chunk] | Streamed:
        """The run's output of the last hour as it came; followed live as `text/event-stream`."""
        if _wants_stream(call):
            return await follow_run(call, run_id, "chunks", after)
        (start,) = place(cursor, tuple[int]) or (after or 0,)
        wanted = mapping.run_id(run_id)
        found = await call.read(chunks.of_run, call.project_id, wanted, after=start, limit=limit)
        return mapping.page(found, mapping.chunk_out)

    @get("/v1/events", needs="runs:read")
    async def list_events(
        call: Call, limit: Limit = 50, cursor: Cursor = None, after: After = None, type: str | None = None
    ) -> wire.Page[wire.Event]:
        """The project's journal, oldest first."""
        (start,) = place(cursor, tuple[int]) or (after or 0,)
        found = await call.read(events.of_project, call.project_id, after=start, limit=limit, type=type)
        return mapping.page(found, mapping.event_out)

    @get("/v1/stream", needs="runs:read", media_type=EVENT_STREAM)
    async def stream_project(call: Call, after: After = None) -> Streamed:
        """Follow the project's journal as server-sent events; from now on, unless told where to begin."""
        position = start_after(call.header("last-event-id"), after)
        opening = b""
        if position == 0 and after is None:
            position = await call.read(events.newest_seq)
            # A client that loses us before the first line can resume from here.
            opening = b"id: %d\n\n" % position
        project_id = call.project_id
        read = partial(_read_project, call.store, project_id)
        topics = (f"project:{project_id}",)
        source = feeds.follow(("project", project_id), topics, read, after=position, resync=RESYNC)
        return Streamed(EventStream(source, opening=opening))

    return [stream_run, list_run_events, list_run_logs, list_run_chunks, list_events, stream_project]
