"""Whether queued runs of tasks are handed out, and the timelines of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from runyard.dialects.native import wire as shapes
from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import scheduler as mapping
from runyard.dialects.native.wire import scheduler as wire
from runyard.dialects.native.wire import timelines as timelines_wire
from runyard.domain.tasks import Task
from runyard.engine.tasks import desk, scheduling, timelines
from runyard.storage.port import Store
from runyard.streams.feed import Batch, Feeds, seen
from runyard.streams.hub import Hub
from runyard.streams.sse import EventStream, frame, start_after
from runyard.web.call import Call
from runyard.web.draining import drain
from runyard.web.paging import After, Cursor, Limit, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply, Streamed, encode

Workspace = Annotated[
    str | None, QueryParameter(name="workspace_id", max_length=128, description="Only runs of its tasks.")
]
Paused = Annotated[bool, QueryParameter(name="include_paused", description="Also what a pause of its task holds up.")]


def handlers(hub: Hub, feeds: Feeds) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @post("/v1/scheduler/drain", needs="task:write", status_code=200)
    async def drain_scheduler(call: Call, data: wire.DrainIn | None = None) -> wire.Drained:
        """Pause, and wait until nobody has a run any more: 60 seconds, unless told how long; 0 looks once."""
        asked = data or wire.DrainIn()
        by = doer(call, "scheduler_drain")
        drained = await drain(call.store, hub, call.project_id, by, reason=asked.reason, seconds=asked.timeout_seconds)
        return mapping.drained_out(drained)

    @get("/v1/tasks/{task_id:str}/stream", needs="task:read", media_type="text/event-stream")
    async def stream_task(call: Call, task_id: str, after: After = None) -> Streamed:
        """Follow a task and all below it as server-sent events, from `after` or the beginning on."""
        task = await call.read(desk.find, call.project_id, task_id)
        position = start_after(call.header("last-event-id"), after)
        source = feeds.follow(
            ("task", task.id), (f"tasks:{task.root_id}",), partial(_read, call.store, task), after=position
        )
        return Streamed(EventStream(source))

    return [get_scheduler, pause_scheduler, resume_scheduler, drain_scheduler, get_backlog, get_timeline, stream_task]


@get("/v1/scheduler", needs="task:read")
async def get_scheduler(call: Call) -> wire.Scheduler:
    """Whether queued runs of tasks are handed out, and how many there are."""
    return mapping.scheduler_out(await call.read(scheduling.status, call.project_id))


@post("/v1/scheduler/pause", needs="task:write", status_code=200)
async def pause_scheduler(call: Call, data: wire.PauseIn | None = None) -> Reply[wire.Scheduler]:
    """Hand out no run of a task until it is resumed; what is under way goes on."""
    by, reason = doer(call, "scheduler_pause"), None if data is None else data.reason
    return await call.answer(mapping.scheduler_out, scheduling.pause, call.project_id, by, reason)


@post("/v1/scheduler/resume", needs="task:write", status_code=200)
async def resume_scheduler(call: Call) -> Reply[wire.Scheduler]:
    """Hand out what is queued."""
    by = doer(call, "scheduler_resume")
    return await call.answer(mapping.scheduler_out, scheduling.resume, call.project_id, by)


@get("/v1/scheduler/backlog", needs="task:read")
async def get_backlog(
    call: Call, workspace_id: Workspace = None, include_paused: Paused = False, limit: Limit = 50
) -> wire.Backlog:
    """Queued runs of tasks in the order in which they are handed out, and how many there are."""
    backlog = await call.read(scheduling.backlog, call.project_id, workspace_id, paused=include_paused, limit=limit)
    return mapping.backlog_out(backlog)


@get("/v1/tasks/{task_id:str}/timeline", needs="task:read")
async def get_timeline(
    call: Call, task_id: str, limit: Limit = 50, cursor: Cursor = None
) -> shapes.Page[timelines_wire.TaskEvent]:
    """What happened to a task, oldest first."""
    (after,) = place(cursor, tuple[int]) or (0,)
    items = await call.read(timelines.page, call.project_id, task_id, after=after, limit=limit + 1)
    more = cursor_of(items[limit - 1].event.seq) if len(items) > limit else None
    return shapes.Page(data=[mapping.task_event_out(item.event) for item in items[:limit]], next_cursor=more)


async def _read(store: Store, task: Task, after: int, limit: int) -> Batch:
    found = await store.read(timelines.look, task, after, limit)
    frames = [
        (item.event.seq, frame(encode(mapping.task_event_out(item.event)), event=item.event.type, id=item.event.seq))
        for item in found.items
    ]
    upto = seen(frames, newest=found.newest, more=found.more)
    return Batch(frames=frames, upto=upto, more=found.more, end=b"" if found.gone else None)
