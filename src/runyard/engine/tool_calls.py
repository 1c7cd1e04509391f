"""Tool calls: what an executor called, with what, and what came of it."""

from __future__ import annotations

from functools import partial

import msgspec

from runyard.domain.records import Json
from runyard.domain.slices import Slice
from runyard.domain.traces import ToolCall
from runyard.engine import fences, guards, runs, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import Tx
from runyard.storage.statements import tool_calls as sql


class NewToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call to record."""

    name: str
    input: Json | None = None
    output: Json | None = None
    error: str | None = None
    status: str = "ok"
    duration_ms: int | None = None


def add(tx: Tx, writer: Writer, new: NewToolCall) -> ToolCall:
    """Record a call. Raises `LeaseLost`, `Conflict`, `TooLarge`, `Forbidden`, `LimitReached`."""
    sizes.within(sizes.DOCUMENT, "the input of a tool call", new.input)
    sizes.within(sizes.DOCUMENT, "the output of a tool call", new.output)
    sizes.plain("the tool's name", new.name, longest=128, shortest=1)
    sizes.plain("the status", new.status, longest=64)
    sizes.plain("the error", new.error, longest=65536)
    run = fences.open_for(tx, writer)
    guards.tool(tx, run.id, new.name)
    made = ToolCall(
        id=tx.new_id(),
        project_id=run.project_id,
        run_id=run.id,
        attempt=run.attempt,
        at=tx.now,
        name=new.name,
        input=new.input,
        output=new.output,
        error=new.error,
        status=new.status,
        duration_ms=new.duration_ms,
    )
    sql.add(tx, made)
    said = {"id": made.id, "name": made.name, "status": made.status, "duration_ms": made.duration_ms}
    fences.journal(tx, run, "run.tool_called", writer.actor, said)
    return made


def of_run(tx: Tx, project_id: int, run_id: str, *, after: str = "", limit: int = 50) -> Slice[ToolCall, str]:
    """The run's tool calls, oldest first. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    ahead = sql.sizes(tx, run_id, after, limit + 1)
    return sizes.sliced(ahead, limit, partial(sql.between, tx, run_id))


def newest(
    tx: Tx, project_id: int, run_id: str, *, before: str | None = None, until: int | None = None, limit: int = 50
) -> Slice[ToolCall, str]:
    """The run's tool calls, newest first: below an id, older than a time. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    ahead = sql.newest_sizes(tx, run_id, before=before, until=until, n=limit + 1)
    count = sizes.fitting([size for _, size in ahead], limit)
    if count == 0:
        return Slice(rows=[], more=None)
    last, first = ahead[0][0], ahead[count - 1][0]
    rows = sql.between(tx, run_id, first, last)[::-1]
    kept = {key for key, _ in ahead}
    return Slice(rows=[one for one in rows if one.id in kept], more=first if count < len(ahead) else None)
