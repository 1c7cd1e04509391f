"""What a run left behind, list by list (contract §19, §23)."""

from __future__ import annotations

from typing import Any

from litestar import get

from runyard.dialects.strait.lists import bare
from runyard.dialects.strait.mapping import records as mapping
from runyard.dialects.strait.mapping import values
from runyard.dialects.strait.wire import records as wire
from runyard.engine import checkpoints, logs, outputs, run_state, tool_calls, usage
from runyard.web.call import Call
from runyard.web.reply import Reply

TAGS = ["Runs"]


@get("/v1/runs/{run_id:str}/events", needs="runs:read", tags=TAGS)
async def list_events(
    call: Call,
    run_id: str,
    level: str | None = None,
    type: str | None = None,
    limit: str | None = None,
    cursor: str | None = None,
) -> Reply[list[wire.RunEvent]]:
    """What the run said, oldest first; perhaps of one level or one type only.

    A filtered page looks at a bounded number of lines: it may hold fewer than `limit`, none even, and still come with
    `X-Next-Cursor`.
    """
    wanted, most, place = values.run_id(run_id), values.limit_in(limit), mapping.place_in(cursor)
    after = 0
    if place is not None:
        at, event = place
        after = mapping.seq_of(event) if event is not None else await call.read(logs.seq_at, wanted, at)
    found = await call.read(
        logs.of_run, call.project_id, wanted, after=after, limit=most, level=level or None, type=type or None
    )
    rows = [mapping.event_out(entry) for entry in found.rows]
    return bare(call, rows, mapping.after_event(found.rows, found.more, place))


@get("/v1/runs/{run_id:str}/checkpoints", needs="runs:read", tags=TAGS)
async def list_checkpoints(
    call: Call, run_id: str, limit: str | None = None, cursor: str | None = None
) -> Reply[list[wire.RunCheckpoint]]:
    """The run's checkpoints, newest first."""
    wanted, most, place = values.run_id(run_id), values.limit_in(limit), mapping.place_in(cursor)
    until, last = place or (None, None)
    narrowed: dict[str, Any] = {"until": until} if last is None else {"before": mapping.number_of(last)}
    found = await call.read(checkpoints.of_run, call.project_id, wanted, limit=most, **narrowed)
    rows = [mapping.checkpoint_out(one) for one in found.rows]
    return bare(call, rows, mapping.after_checkpoint(found.rows, found.more))


@get("/v1/runs/{run_id:str}/usage", needs="runs:read", tags=TAGS)
async def list_usage(
    call: Call, run_id: str, limit: str | None = None, cursor: str | None = None
) -> Reply[list[wire.RunUsage]]:
    """The tokens the run used, newest first."""
    wanted, most, below = values.run_id(run_id), values.limit_in(limit), _below(cursor)
    found = await call.read(usage.newest, call.project_id, wanted, limit=most, **below)
    rows = [mapping.usage_out(one) for one in found.rows]
    return bare(call, rows, mapping.after_row(found.rows, found.more))


@get("/v1/runs/{run_id:str}/tool-calls", needs="runs:read", tags=TAGS)
async def list_tool_calls(
    call: Call, run_id: str, limit: str | None = None, cursor: str | None = None
) -> Reply[list[wire.RunToolCall]]:
    """The tools the run called, newest first."""
    wanted, most, below = values.run_id(run_id), values.limit_in(limit), _below(cursor)
    found = await call.read(tool_calls.newest, call.project_id, wanted, limit=most, **below)
    rows = [mapping.tool_call_out(one) for one in found.rows]
    return bare(call, rows, mapping.after_row(found.rows, found.more))


@get("/v1/runs/{run_id:str}/outputs", needs="runs:read", tags=TAGS)
async def list_outputs(
    call: Call, run_id: str, limit: str | None = None, cursor: str | None = None
) -> Reply[list[wire.RunOutput]]:
    """The run's named results, by name."""
    wanted, most, place = values.run_id(run_id), values.limit_in(limit), mapping.place_in(cursor)
    names = [] if place is None else await call.read(outputs.names, call.project_id, wanted)
    after = mapping.output_at(wanted, names, place)
    found = await call.read(outputs.of_run, call.project_id, wanted, after=after, limit=most)
    rows = [mapping.output_out(one) for one in found.rows]
    return bare(call, rows, mapping.after_output(found.rows, found.more))


@get("/v1/runs/{run_id:str}/state", needs="runs:read", tags=TAGS)
async def list_state(call: Call, run_id: str) -> list[wire.RunStateEntry]:
    """Everything kept with the run, by key."""
    found = await call.read(run_state.whole, call.project_id, values.run_id(run_id))
    return [mapping.state_out(entry) for entry in found]


def _below(cursor: str | None) -> dict[str, Any]:
    """Where a list of rows, newest first, goes on: below the cursor's id, else before its time."""
    until, last = mapping.place_in(cursor) or (None, None)
    return {"until": until} if last is None else {"before": last}


HANDLERS: list[Any] = [list_events, list_checkpoints, list_usage, list_tool_calls, list_outputs, list_state]
