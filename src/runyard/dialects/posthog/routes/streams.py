"""A run followed live as server-sent events (contract §9)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from litestar import get
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.forms import Field
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import streams as mapping
from runyard.dialects.posthog.people import own
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.queries import LastEventId, Start
from runyard.engine.coding import news, streaming
from runyard.storage.port import Store
from runyard.streams.feed import Batch
from runyard.streams.sse import EventStream
from runyard.web.call import Call
from runyard.web.reply import Streamed

QUERY: forms.Form = {"start": Field(forms.choice("latest"))}
KEEPALIVE_SECONDS = 20.0


async def _read(store: Store, run_id: str, after: int, limit: int) -> Batch:
    found = await store.read(streaming.look, run_id, after, limit)
    end = mapping.END if found.ended else None
    return Batch(frames=mapping.frames(found.told, run_id), upto=found.upto, more=found.more, end=end)


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @get(
        RUN + "/stream",
        needs="task:read",
        operation_id="tasks_runs_stream_retrieve",
        tags=["task-runs"],
        media_type="text/event-stream",
    )
    async def stream_run(
        call: Call, project_id: str, task_id: str, id: str, start: Start = None, last: LastEventId = None
    ) -> Streamed:
        """What is kept of what happened, then what happens, until nothing more will."""
        task, run = own(task_id, "task"), own(id, "run")
        found = await call.read(streaming.begin, call.project_id, task, run)
        latest = "start" in forms.query(call, QUERY)
        after, since = mapping.resumed(last)
        if latest or after is not None or since is not None:
            found = await call.read(
                streaming.begin, call.project_id, task, run, after=after, since=since, latest=latest
            )
        opening = b""
        if found.forgotten:
            stands = mapping.state(news.news_of(found.seen), run)
            opening = mapping.framed(stands, call.store.now(), found.newest)
        source = house.feeds.follow(
            ("coding", run), (f"chunks:{run}", f"run:{run}"), partial(_read, call.store, run), after=found.after
        )
        stream = EventStream(
            source,
            opening=opening,
            ping=KEEPALIVE_SECONDS,
            ping_frame=mapping.KEEPALIVE,
            trouble=mapping.trouble,
        )
        return Streamed(stream)

    return [stream_run]
