"""Waits for events (contract §20): who sends what a run waits for, and who looks on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal
from urllib.parse import unquote_to_bytes

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.strait.lists import enveloped
from runyard.dialects.strait.mapping import links as mapping
from runyard.dialects.strait.mapping import streams, values
from runyard.dialects.strait.slugs import slug_of
from runyard.dialects.strait.wire import Paginated
from runyard.dialects.strait.wire import links as wire
from runyard.domain.errors import NotFound
from runyard.domain.waits import WaitState
from runyard.engine import event_waits
from runyard.storage.port import Store
from runyard.streams.feed import Batch, Feeds
from runyard.streams.sse import EventStream, frame
from runyard.web.call import Call
from runyard.web.reply import Reply, Streamed, encode

TAGS = ["Events"]
EVENT_STREAM = "text/event-stream"
SHOWN = 1000
"""How many of the waits that one call answered are in its reply."""
DAY = 86400 * values.SECOND
CLOSED = b""


@get("/v1/events", needs="jobs:read", tags=TAGS)
async def list_event_triggers(
    call: Call,
    status: Literal["waiting", "received", "timed_out", "canceled"] | None = None,
    workflow_run_id: str | None = None,
    source_type: Literal["workflow_step", "job_run"] | None = None,
    limit: str | None = None,
    cursor: str | None = None,
) -> Reply[Paginated[wire.EventTrigger]]:
    """Waits for events, newest first. All of them are runs'; workflows have none here."""
    most = values.limit_in(limit)
    until, before = values.place(cursor) or (None, None)
    if workflow_run_id or source_type == "workflow_step":
        return enveloped([], None)
    found = await call.read(
        event_waits.page,
        call.project_id,
        state=None if status is None else WaitState(status),
        before=before,
        until=until if before is None else None,
        limit=most + 1,
    )
    shown, place = values.shown(found, most, lambda wait: (wait.requested_at, wait.id))
    slug = await slug_of(call)
    return enveloped([mapping.event_out(wait, slug) for wait in shown], place)


@get("/v1/events/stats", needs="jobs:read", tags=TAGS)
async def get_event_trigger_stats(call: Call) -> wire.EventTriggerStats:
    """How many waits there are."""
    return mapping.stats_out(await call.read(event_waits.stats, call.project_id))


@post("/v1/events/purge", needs="jobs:write", status_code=200, tags=TAGS)
async def purge_event_triggers(call: Call, data: wire.PurgeEventsRequest) -> wire.PurgeEventsResponse:
    """Remove finished waits, slice by slice."""
    before = call.store.now() - data.older_than_days * DAY
    if data.dry_run:
        would = await call.read(event_waits.count_old, call.project_id, before=before)
        return wire.PurgeEventsResponse(dry_run=True, would_delete=would)
    deleted = 0
    while count := await call.write(event_waits.purge, call.project_id, before=before):
        deleted += count
    return wire.PurgeEventsResponse(deleted=deleted, dry_run=False)


@post("/v1/events/prefix/{prefix:str}/send", needs="jobs:trigger", status_code=200, tags=TAGS)
async def send_event_by_prefix(
    call: Call, prefix: str, data: wire.SendEventRequest | None = None
) -> wire.SendEventByPrefixResponse:
    """Answer every wait whose key begins so, slice by slice; the reply shows the first thousand."""
    return await _send_to_all(call, prefix, data)


@post("/v1/events/prefix/{rest:path}", needs="jobs:trigger", status_code=200, include_in_schema=False)
async def send_event_by_slashed_prefix(
    call: Call, rest: str, data: wire.SendEventRequest | None = None
) -> wire.SendEventByPrefixResponse:
    """The same for a prefix with slashes in it."""
    return await _send_to_all(call, _before(call, "prefix/", "/send"), data)


async def _send_to_all(call: Call, prefix: str, data: wire.SendEventRequest | None) -> wire.SendEventByPrefixResponse:
    payload = None if data is None else values.given_text(data.payload)
    slug = await slug_of(call)
    reply = wire.SendEventByPrefixResponse(resolved=0, triggers=[])
    after: str | None = ""
    while after is not None:
        waits, after = await call.write(
            event_waits.send_to_all, call.project_id, prefix, payload=payload, after=after, actor=call.actor
        )
        reply.resolved += len(waits)
        reply.triggers += [mapping.event_out(wait, slug) for wait in waits[: SHOWN - len(reply.triggers)]]
    return reply


@get("/v1/events/{event_key:str}", needs="jobs:read", tags=TAGS)
async def get_event_trigger(call: Call, event_key: str) -> wire.EventTrigger:
    """The wait that is open under the key, else the last there was."""
    return await _find(call, event_key)


async def _find(call: Call, key: str) -> wire.EventTrigger:
    return mapping.event_out(await call.read(event_waits.find, call.project_id, key), await slug_of(call))


@delete("/v1/events/{event_key:str}", needs="jobs:write", status_code=200, tags=TAGS)
async def cancel_event_trigger(call: Call, event_key: str) -> Reply[wire.EventTrigger]:
    """Cancel the wait and its run."""
    return await _cancel(call, event_key)


@delete("/v1/events/{rest:path}", needs="jobs:write", status_code=200, include_in_schema=False)
async def cancel_slashed_event_trigger(call: Call, rest: str) -> Reply[wire.EventTrigger]:
    """The same for a key with slashes in it."""
    return await _cancel(call, _before(call, "", ""))


async def _cancel(call: Call, key: str) -> Reply[wire.EventTrigger]:
    shape = partial(mapping.event_out, slug=await slug_of(call))
    return await call.answer(shape, event_waits.cancel, call.project_id, key, actor=call.actor)


@post("/v1/events/{event_key:str}/send", needs="jobs:trigger", status_code=200, tags=TAGS)
async def send_event(call: Call, event_key: str, data: wire.SendEventRequest | None = None) -> Reply[wire.EventTrigger]:
    """Answer the wait; its run goes on."""
    return await _send(call, event_key, data)


@post("/v1/events/{rest:path}", needs="jobs:trigger", status_code=200, include_in_schema=False)
async def send_slashed_event(
    call: Call, rest: str, data: wire.SendEventRequest | None = None
) -> Reply[wire.EventTrigger]:
    """The same for a key with slashes in it."""
    return await _send(call, _before(call, "", "/send"), data)


async def _send(call: Call, key: str, data: wire.SendEventRequest | None) -> Reply[wire.EventTrigger]:
    payload = None if data is None else values.given_text(data.payload)
    shape = partial(mapping.event_out, slug=await slug_of(call))
    return await call.answer(shape, event_waits.send, call.project_id, key, payload=payload, actor=call.actor)


def _before(call: Call, prefix: str, suffix: str) -> str:
    """A key with slashes, as it stands in the path; the router tidies slashes away. Raises `NotFound`."""
    path = unquote_to_bytes(bytes(call.request.scope["raw_path"])).decode()
    key = path.partition(f"/v1/events/{prefix}")[2]
    if not key.endswith(suffix) or len(key) == len(suffix):
        raise NotFound("there is nothing at this path")
    return key[: len(key) - len(suffix)]


async def _read(store: Store, wait_id: str, slug: str, after: int, limit: int) -> Batch:
    """The wait as frames: the first while it is open, the second and last when it is decided."""
    try:
        wait = await store.read(event_waits.get, wait_id)
    except NotFound:
        return Batch(frames=[], upto=2, end=CLOSED)
    number = 1 if wait.state is WaitState.WAITING else 2
    data = frame(encode(mapping.event_out(wait, slug)), event="status")
    frames = [(number, data)] if after < number else []
    return Batch(frames=frames, upto=number, end=CLOSED if number == 2 else None)


def handlers(feeds: Feeds) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    async def follow(call: Call, key: str) -> Streamed:
        slug = await slug_of(call)
        wait = await call.read(event_waits.find, call.project_id, key)
        read = partial(_read, call.store, wait.id, slug)
        source = feeds.follow(("event wait", wait.id), (f"run:{wait.run_id}",), read, after=0)
        return Streamed(EventStream(source, ping_frame=streams.KEEPALIVE, trouble=streams.trouble))

    @get("/v1/events/{event_key:str}/stream", needs="jobs:read", media_type=EVENT_STREAM, tags=TAGS)
    async def stream_event_trigger(call: Call, event_key: str, token: str | None = None) -> Streamed:
        """The wait as it is, and as it was decided; then the stream is closed.

        `token` is the bearer key, for clients that cannot send headers.
        """
        return await follow(call, event_key)

    @get("/v1/events/{rest:path}", needs="jobs:read", include_in_schema=False)
    async def get_slashed_event_trigger(
        call: Call, rest: str, token: str | None = None
    ) -> wire.EventTrigger | Streamed:
        """A wait, or its stream, by a key with slashes in it."""
        if rest.endswith("/stream"):
            return await follow(call, _before(call, "", "/stream"))
        return await _find(call, _before(call, "", ""))

    return [
        list_event_triggers,
        get_event_trigger_stats,
        purge_event_triggers,
        send_event_by_prefix,
        send_event_by_slashed_prefix,
        get_event_trigger,
        cancel_event_trigger,
        cancel_slashed_event_trigger,
        send_event,
        send_slashed_event,
        stream_event_trigger,
        get_slashed_event_trigger,
    ]
