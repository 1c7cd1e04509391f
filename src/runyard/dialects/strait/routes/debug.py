"""Looking closely at one run (contract §19)."""

from __future__ import annotations

from typing import Any

from litestar import get, post

from runyard.dialects.strait.mapping import values
from runyard.dialects.strait.mapping.debug import bundle_out
from runyard.dialects.strait.slugs import slug_of
from runyard.dialects.strait.wire import StatusOk
from runyard.dialects.strait.wire import debug as wire
from runyard.engine import debug
from runyard.web.call import Call


async def _bundle(call: Call, run_id: str) -> wire.DebugBundle:
    found = await call.read(debug.bundle, call.project_id, values.run_id(run_id))
    return bundle_out(found, await slug_of(call))


@get("/v1/runs/{run_id:str}/debug-bundle", needs="runs:read", tags=["Runs"])
async def get_debug_bundle(call: Call, run_id: str) -> wire.DebugBundle:
    """Everything recorded about a run."""
    return await _bundle(call, run_id)


@get("/v1/runs/{run_id:str}/debug", needs="runs:read", tags=["SDKAliases"])
async def get_run_debug(call: Call, run_id: str) -> wire.DebugBundle:
    """The same, where the published client asks for it."""
    return await _bundle(call, run_id)


@post("/v1/runs/{run_id:str}/debug", needs="runs:write", status_code=200, tags=["Runs"])
async def set_debug_mode(call: Call, run_id: str, data: wire.SetDebugModeRequest | None = None) -> StatusOk:
    """Turn debug mode on or off, in any state."""
    on = data is not None and data.debug_mode
    await call.write(debug.turn, call.project_id, values.run_id(run_id), on=on, actor=call.actor)
    return StatusOk()


HANDLERS: list[Any] = [get_debug_bundle, get_run_debug, set_debug_mode]
