"""What runs wait for: dependencies of jobs, and events from outside."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import delete, get, post
from litestar.params import QueryParameter

from runyard.dialects.native import wire as shapes
from runyard.dialects.native.mapping import given_text, lenient_id, run_id
from runyard.dialects.native.mapping import waits as mapping
from runyard.dialects.native.wire import waits as wire
from runyard.domain.waits import WaitState
from runyard.engine import dependencies, event_waits
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply

State = Annotated[
    Literal["waiting", "received", "timed_out", "canceled"] | None,
    QueryParameter(name="state", description="Only waits in this state."),
]
Key = Annotated[str, QueryParameter(min_length=1, max_length=512, description="The key of the event.")]


@get("/v1/jobs/{wanted:str}/dependencies", needs="runs:read")
async def list_dependencies(
    call: Call, wanted: str, limit: Limit = 50, cursor: Cursor = None
) -> shapes.Page[wire.Dependency]:
    """What the job depends on, newest first."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(dependencies.page, call.project_id, wanted, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return shapes.Page(data=[mapping.dependency_out(row) for row in shown], next_cursor=more)


@post("/v1/jobs/{wanted:str}/dependencies", needs="jobs:write", status_code=201)
async def add_dependency(call: Call, wanted: str, data: wire.DependencyIn) -> Reply[wire.Dependency]:
    """Let new runs of the job wait for another; between the same two the condition is changed."""
    return await call.answer(
        mapping.dependency_out,
        dependencies.add,
        call.project_id,
        wanted,
        depends_on=data.depends_on,
        condition=data.condition,
        actor=call.actor,
    )


@delete("/v1/jobs/{wanted:str}/dependencies/{dependency_id:str}", needs="jobs:write", status_code=200)
async def remove_dependency(call: Call, wanted: str, dependency_id: str) -> Reply[wire.Dependency]:
    """Take a dependency away; runs that waited for it alone go on."""
    return await call.answer(
        mapping.dependency_out,
        dependencies.remove,
        call.project_id,
        wanted,
        lenient_id(dependency_id),
        actor=call.actor,
    )


@get("/v1/runs/{wanted:str}/dependencies", needs="runs:read")
async def get_run_dependencies(call: Call, wanted: str) -> wire.RunDependencies:
    """What the run's job depends on, and whether that is met for the run as things are now."""
    return mapping.dependencies_out(await call.read(dependencies.status, call.project_id, run_id(wanted)))


@get("/v1/event-waits", needs="runs:read")
async def list_event_waits(
    call: Call,
    in_state: State = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> shapes.Page[wire.EventWait]:
    """Runs' waits for events, newest first."""
    (before,) = place(cursor, tuple[str]) or (None,)
    wanted = None if in_state is None else WaitState(in_state)
    rows = await call.read(event_waits.page, call.project_id, state=wanted, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return shapes.Page(data=[mapping.wait_out(row) for row in shown], next_cursor=more)


@get("/v1/event-waits/find", needs="runs:read")
async def find_event_wait(call: Call, key: Key) -> wire.EventWait:
    """The wait that is open under the key, else the last there was."""
    return mapping.wait_out(await call.read(event_waits.find, call.project_id, key))


@post("/v1/event-waits/send", needs="runs:write", status_code=200)
async def send_event(call: Call, data: wire.EventIn) -> Reply[wire.EventWait]:
    """Send what a run waits for; it goes on in the same attempt. Sending the same again changes nothing."""
    payload = given_text(data.payload)
    return await call.answer(
        mapping.wait_out, event_waits.send, call.project_id, data.key, payload=payload, actor=call.actor
    )


@post("/v1/event-waits/cancel", needs="runs:write", status_code=200)
async def cancel_event_wait(call: Call, data: wire.EventKey) -> Reply[wire.EventWait]:
    """Cancel a wait and its run."""
    return await call.answer(mapping.wait_out, event_waits.cancel, call.project_id, data.key, actor=call.actor)


HANDLERS: list[Any] = [
    list_dependencies,
    add_dependency,
    remove_dependency,
    get_run_dependencies,
    list_event_waits,
    find_event_wait,
    send_event,
    cancel_event_wait,
]
