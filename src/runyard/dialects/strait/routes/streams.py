"""A run followed live as server-sent events, until it ends (contract §18)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from litestar import get
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.strait.mapping import streams as mapping
from runyard.dialects.strait.mapping import values
from runyard.dialects.strait.slugs import slug_of
from runyard.engine import following
from runyard.storage.port import Store
from runyard.streams.feed import Batch, Feeds, Follower
from runyard.streams.sse import EventStream
from runyard.web.call import Call
from runyard.web.reply import Streamed

EVENT_STREAM = "text/event-stream"
CLOSED = b""
"""What comes after the last frame: nothing; the stream is closed."""


async def _read_run(store: Store, run_id: str, job_id: str | None, slug: str, after: int, limit: int) -> Batch:
    found = await store.read(following.lines, run_id, after, limit)
    frames = mapping.frames(found.lines, job_id=job_id, slug=slug)
    return Batch(frames=frames, upto=found.upto, more=found.more, end=CLOSED if found.ended else None)


async def _read_chunks(store: Store, run_id: str, after: int, limit: int) -> Batch:
    found = await store.read(following.chunks, run_id, after, limit)
    frames = mapping.chunk_frames(found.lines)
    return Batch(frames=frames, upto=found.upto, more=found.more, end=CLOSED if found.ended else None)


def _stream(source: Follower) -> Streamed:
    return Streamed(EventStream(source, ping_frame=mapping.KEEPALIVE, trouble=mapping.trouble))


def handlers(feeds: Feeds) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @get("/v1/runs/{run_id:str}/stream", needs="runs:read", media_type=EVENT_STREAM, tags=["Runs"], refuses=(410,))
    async def stream_run(call: Call, run_id: str) -> Streamed:
        """Status changes and logged events of a run from now on; closed after the change that ends it."""
        slug = await slug_of(call)
        run, newest = await call.read(following.begin, call.project_id, values.run_id(run_id))
        read = partial(_read_run, call.store, run.id, run.job_id, slug)
        return _stream(feeds.follow(("strait", run.id), (f"run:{run.id}",), read, after=newest))

    @get(
        "/v1/runs/{run_id:str}/stream/chunks",
        needs="runs:read",
        media_type=EVENT_STREAM,
        tags=["Runs"],
        refuses=(410,),
    )
    async def stream_chunks(call: Call, run_id: str) -> Streamed:
        """Pieces of a run's output from now on; closed when the run ends."""
        run, newest = await call.read(following.begin, call.project_id, values.run_id(run_id))
        topics = (f"chunks:{run.id}", f"run:{run.id}")
        read = partial(_read_chunks, call.store, run.id)
        return _stream(feeds.follow(("strait chunks", run.id), topics, read, after=newest))

    return [stream_run, stream_chunks]
