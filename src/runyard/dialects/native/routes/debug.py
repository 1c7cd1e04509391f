"""Looking closely at one run."""

from __future__ import annotations

from typing import Any

from litestar import get, post

from runyard.dialects.native import wire as shapes
from runyard.dialects.native.mapping import debug as mapping
from runyard.dialects.native.mapping import run_id as id_of
from runyard.dialects.native.mapping import run_out
from runyard.dialects.native.wire import debug as wire
from runyard.domain.records import Run
from runyard.engine import debug
from runyard.web.call import Call
from runyard.web.reply import Reply
from runyard.web.slugs import slug_of


@get("/v1/runs/{run_id:str}/debug", needs="runs:read")
async def get_debug_bundle(call: Call, run_id: str) -> wire.DebugBundle:
    """Everything recorded about a run, in one piece."""
    found = await call.read(debug.bundle, call.project_id, id_of(run_id))
    return mapping.bundle_out(found, await slug_of(call))


@post("/v1/runs/{run_id:str}/debug", needs="runs:write", status_code=200)
async def set_debug(call: Call, run_id: str, data: wire.DebugIn) -> Reply[shapes.Run]:
    """Ask for more detail of the run, or for no more, in whatever state it is."""
    slug = await slug_of(call)

    def shape(run: Run) -> shapes.Run:
        return run_out(run, slug)

    return await call.answer(shape, debug.turn, call.project_id, id_of(run_id), on=data.on, actor=call.actor)


HANDLERS: list[Any] = [get_debug_bundle, set_debug]
