"""What happened to a task, read and followed (contract §23, §24)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from litestar import get
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import timelines as mapping
from runyard.dialects.agh.mapping.values import limit as limit_of
from runyard.dialects.agh.mapping.values import read, whole
from runyard.dialects.agh.wire import timelines as wire
from runyard.dialects.agh.wire.queries import LastEventId, Number
from runyard.domain.tasks import Task
from runyard.engine.tasks import desk, timelines
from runyard.storage.port import Store
from runyard.streams.feed import Batch, seen
from runyard.streams.sse import EventStream, start_after
from runyard.web.call import Call
from runyard.web.listed import Listed
from runyard.web.reply import Streamed, encode

SLICE = 200
"""So many lines are read at once."""


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""

    @get("/api/tasks/{id:str}/timeline", needs="task:read", tags=["tasks"])
    async def get_task_timeline(
        call: Call, id: str, after_sequence: Number = None, limit: Number = None
    ) -> Listed[wire.TimelineAnswer]:
        """The task's own timeline, oldest first; `limit` keeps the earliest."""
        await people.doer(call, "timeline")
        task = await call.read(desk.find, call.project_id, read("task", id, call.project_id))
        after, most = whole("after_sequence", after_sequence) or 0, limit_of(limit)
        return Listed("timeline", _slices(call, task, after, most))

    @get("/api/tasks/{id:str}/stream", needs="task:read", tags=["tasks"], media_type="text/event-stream")
    async def stream_task(
        call: Call, id: str, after_sequence: Number = None, last_event_id: LastEventId = None
    ) -> Streamed:
        """Follow the task and all below it as server-sent events, from the beginning or after a number."""
        await people.doer(call, "stream")
        task = await call.read(desk.find, call.project_id, read("task", id, call.project_id))
        position = start_after(last_event_id, whole("after_sequence", after_sequence))
        source = house.feeds.follow(
            ("agh task", task.id), (f"tasks:{task.root_id}",), partial(_read, call.store, task), after=position
        )
        return Streamed(EventStream(source))

    return [get_task_timeline, stream_task]


async def _slices(call: Call, task: Task, after: int, most: int | None) -> AsyncIterator[list[bytes]]:
    left = most
    while left is None or left > 0:
        wanted = SLICE if left is None else min(SLICE, left)
        items = await call.read(timelines.page, call.project_id, task.id, after=after, limit=wanted)
        yield [encode(mapping.item_out(item)) for item in items]
        if len(items) < wanted:
            return
        after = items[-1].event.seq
        left = None if left is None else left - len(items)


async def _read(store: Store, task: Task, after: int, limit: int) -> Batch:
    found = await store.read(timelines.look, task, after, limit)
    frames = [mapping.frame_out(item) for item in found.items]
    upto = seen(frames, newest=found.newest, more=found.more)
    return Batch(frames=frames, upto=upto, more=found.more, end=b"" if found.gone else None)
