"""Which chat thread hears of a run, and what was to be said there."""

from __future__ import annotations

from litestar import delete, get, put
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native import mapping
from runyard.dialects.native.mapping import threads as shapes
from runyard.dialects.native.wire import Page
from runyard.dialects.native.wire import threads as wire
from runyard.engine.coding import threads
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply


@put("/v1/runs/{run_id:str}/thread", needs="runs:write")
async def put_thread(call: Call, run_id: str, data: wire.PutThread) -> Reply[wire.Thread]:
    """Let a chat thread hear of the run: what its agent says, and how it ends."""
    return await call.answer(
        shapes.thread_out,
        threads.put,
        call.project_id,
        mapping.run_id(run_id),
        channel=data.channel,
        thread=data.thread,
        mention=data.mention,
        service=data.service,
    )


@get("/v1/runs/{run_id:str}/thread", needs="runs:read")
async def get_thread(call: Call, run_id: str) -> wire.Thread:
    """The thread that hears of the run."""
    return shapes.thread_out(await call.read(threads.of_run, call.project_id, mapping.run_id(run_id)))


@delete("/v1/runs/{run_id:str}/thread", needs="runs:write", status_code=204)
async def delete_thread(call: Call, run_id: str) -> None:
    """Let no thread hear of the run any more."""
    await call.write(threads.drop, call.project_id, mapping.run_id(run_id))


@get("/v1/runs/{run_id:str}/relays", needs="runs:read")
async def list_relays(call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None) -> Page[wire.Relay]:
    """What was to be said in the run's thread, and what became of it, newest first; kept for a week."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(threads.relays, call.project_id, mapping.run_id(run_id), before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return Page(data=[shapes.relay_out(row) for row in shown], next_cursor=more)


HANDLERS: list[HTTPRouteHandler] = [put_thread, get_thread, delete_thread, list_relays]
