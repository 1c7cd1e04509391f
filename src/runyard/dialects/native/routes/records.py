"""What a run leaves behind: attempts, checkpoints, usage, tool calls, outputs, kept values, and its log."""

from __future__ import annotations

from litestar import delete, get, post, put

from runyard.dialects.native import mapping, wire
from runyard.domain.errors import DomainError, Forbidden
from runyard.engine import attempts, checkpoints, chunks, fences, logs, outputs, run_state, tool_calls, usage
from runyard.engine.fences import Writer
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, place
from runyard.web.reply import Reply
from runyard.web.scopes import AGENTS

EXECUTORS = ("runs:write", "runs:claim")
LEASE = "x-runyard-lease"


def writer(call: Call, run_id: str, token: str | None) -> Writer:
    """Who writes: the lease's holder, or whoever may write to any run. Raises `Forbidden`."""
    token = token or call.header(LEASE)
    if token is None and not call.may("runs:write"):
        raise Forbidden("a key that may only claim names its lease: send `token`, or the header X-Runyard-Lease")
    return Writer(project_id=acting_in(call), run_id=mapping.run_id(run_id), token=token, actor=call.actor)


def acting_in(call: Call) -> int | None:
    """The project whose runs the caller may hold; None is every project, for the built-in agents' own worker."""
    return None if call.may(AGENTS) else call.project_id


READERS = ("runs:read", "runs:claim")


async def may_read(call: Call, run_id: str) -> int:
    """The project of a run that the caller may read: its holder may read what its own run left.

    Raises `Forbidden`, `LeaseLost` or `NotFound`.
    """
    if call.may("runs:read"):
        return call.project_id
    return (await call.read(fences.check, writer(call, run_id, None))).project_id


@get("/v1/runs/{run_id:str}/attempts", needs="runs:read")
async def list_attempts(call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Attempt]:
    """The run's attempts, oldest first."""
    (after,) = place(cursor, tuple[int]) or (0,)
    found = await call.read(attempts.of_run, call.project_id, mapping.run_id(run_id), after=after, limit=limit)
    return mapping.page(found, mapping.attempt_out)


@post("/v1/runs/{run_id:str}/logs", needs=EXECUTORS, status_code=201)
async def append_logs(call: Call, run_id: str, data: wire.LogsIn) -> wire.LogsOut:
    """Append lines to the run's log."""
    entries = tuple(
        logs.NewEntry(
            message=one.message,
            level=one.level,
            type=one.type,
            data=mapping.maybe_text(one.data),
            at=mapping.maybe_micros(one.at),
        )
        for one in data.entries
    )
    request = logs.AppendRequest(writer=writer(call, run_id, data.token), entries=entries)
    (outcome,) = await call.write(logs.append, [request])
    if isinstance(outcome, DomainError):
        raise outcome
    return wire.LogsOut(accepted=outcome)


@post("/v1/runs/{run_id:str}/chunks", needs=EXECUTORS, status_code=201)
async def add_chunks(call: Call, run_id: str, data: wire.ChunksIn) -> wire.ChunksOut:
    """Publish pieces of output to whoever follows the run."""
    pieces = tuple(chunks.NewChunk(text=one.chunk, stream=one.stream, done=one.done) for one in data.chunks)
    request = chunks.AddRequest(writer=writer(call, run_id, data.token), chunks=pieces)
    (outcome,) = await call.write(chunks.add, [request])
    if isinstance(outcome, DomainError):
        raise outcome
    return wire.ChunksOut(accepted=outcome)


@post("/v1/runs/{run_id:str}/checkpoints", needs=EXECUTORS, status_code=201)
async def add_checkpoint(call: Call, run_id: str, data: wire.CheckpointIn) -> Reply[wire.Checkpoint]:
    """Keep state to resume from."""
    new = checkpoints.NewCheckpoint(state=mapping.text(data.state), label=data.label)
    return await call.answer(mapping.checkpoint_out, checkpoints.add, writer(call, run_id, data.token), new)


@get("/v1/runs/{run_id:str}/checkpoints", needs=READERS, refuses=(409,))
async def list_checkpoints(
    call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None
) -> wire.Page[wire.Checkpoint]:
    """The run's checkpoints, newest first."""
    project_id = await may_read(call, run_id)
    (before,) = place(cursor, tuple[int]) or (None,)
    found = await call.read(checkpoints.of_run, project_id, mapping.run_id(run_id), before=before, limit=limit)
    return mapping.page(found, mapping.checkpoint_out)


@get("/v1/runs/{run_id:str}/checkpoints/{number:int}", needs=READERS, refuses=(409,))
async def get_checkpoint(call: Call, run_id: str, number: int) -> wire.Checkpoint:
    """One checkpoint."""
    project_id = await may_read(call, run_id)
    found = await call.read(checkpoints.get, project_id, mapping.run_id(run_id), number)
    return mapping.checkpoint_out(found)


@post("/v1/runs/{run_id:str}/usage", needs=EXECUTORS, status_code=201)
async def add_usage(call: Call, run_id: str, data: wire.UsageIn) -> Reply[wire.Usage]:
    """Record tokens used, and what they cost."""
    new = usage.NewUsage(
        model=data.model,
        provider=data.provider,
        input_tokens=data.input_tokens,
        output_tokens=data.output_tokens,
        cache_read_tokens=data.cache_read_tokens,
        cache_write_tokens=data.cache_write_tokens,
        reasoning_tokens=data.reasoning_tokens,
        total_tokens=data.total_tokens,
        cost_micro_usd=data.cost_micro_usd,
    )
    return await call.answer(mapping.usage_out, usage.add, writer(call, run_id, data.token), new)


@get("/v1/runs/{run_id:str}/usage", needs="runs:read")
async def list_usage(call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Usage]:
    """The run's usage, oldest first."""
    (after,) = place(cursor, tuple[str]) or ("",)
    found = await call.read(usage.of_run, call.project_id, mapping.run_id(run_id), after=after, limit=limit)
    return mapping.page(found, mapping.usage_out)


@post("/v1/runs/{run_id:str}/tool-calls", needs=EXECUTORS, status_code=201)
async def add_tool_call(call: Call, run_id: str, data: wire.ToolCallIn) -> Reply[wire.ToolCall]:
    """Record a tool the agent called."""
    new = tool_calls.NewToolCall(
        name=data.name,
        input=mapping.maybe_text(data.input),
        output=mapping.maybe_text(data.output),
        error=data.error,
        status=data.status,
        duration_ms=data.duration_ms,
    )
    return await call.answer(mapping.tool_call_out, tool_calls.add, writer(call, run_id, data.token), new)


@get("/v1/runs/{run_id:str}/tool-calls", needs="runs:read")
async def list_tool_calls(
    call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None
) -> wire.Page[wire.ToolCall]:
    """The run's tool calls, oldest first."""
    (after,) = place(cursor, tuple[str]) or ("",)
    found = await call.read(tool_calls.of_run, call.project_id, mapping.run_id(run_id), after=after, limit=limit)
    return mapping.page(found, mapping.tool_call_out)


@put("/v1/runs/{run_id:str}/outputs/{key:str}", needs=EXECUTORS, status_code=200)
async def put_output(call: Call, run_id: str, key: str, data: wire.OutputIn) -> Reply[wire.Output]:
    """Set a named result, in the place of an older one."""
    new = outputs.NewOutput(name=key, value=mapping.text(data.value), schema=mapping.schema_in(data.schema))
    return await call.answer(mapping.output_out, outputs.put, writer(call, run_id, data.token), new)


@get("/v1/runs/{run_id:str}/outputs/{key:str}", needs="runs:read")
async def get_output(call: Call, run_id: str, key: str) -> wire.Output:
    """One named result."""
    return mapping.output_out(await call.read(outputs.get, call.project_id, mapping.run_id(run_id), key))


@get("/v1/runs/{run_id:str}/outputs", needs="runs:read")
async def list_outputs(call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Output]:
    """The run's named results, by key."""
    (after,) = place(cursor, tuple[str]) or ("",)
    found = await call.read(outputs.of_run, call.project_id, mapping.run_id(run_id), after=after, limit=limit)
    return mapping.page(found, mapping.output_out)


@put("/v1/runs/{run_id:str}/state/{key:str}", needs=EXECUTORS, status_code=200)
async def put_state(call: Call, run_id: str, key: str, data: wire.StateIn) -> Reply[wire.StateEntry]:
    """Keep a value with the run, in the place of an older one."""
    value = mapping.text(data.value)
    return await call.answer(mapping.state_out, run_state.put, writer(call, run_id, data.token), key, value)


@get("/v1/runs/{run_id:str}/state/{key:str}", needs=READERS, refuses=(409,))
async def get_state(call: Call, run_id: str, key: str) -> wire.StateEntry:
    """One kept value."""
    project_id = await may_read(call, run_id)
    return mapping.state_out(await call.read(run_state.get, project_id, mapping.run_id(run_id), key))


@delete("/v1/runs/{run_id:str}/state/{key:str}", needs=EXECUTORS, status_code=204)
async def delete_state(call: Call, run_id: str, key: str) -> None:
    """Forget a kept value."""
    await call.write(run_state.delete, writer(call, run_id, None), key)


@get("/v1/runs/{run_id:str}/state", needs=READERS, refuses=(409,))
async def list_state(call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.StateEntry]:
    """The values kept with the run, by key."""
    project_id = await may_read(call, run_id)
    (after,) = place(cursor, tuple[str]) or ("",)
    found = await call.read(run_state.of_run, project_id, mapping.run_id(run_id), after=after, limit=limit)
    return mapping.page(found, mapping.state_out)


HANDLERS = [
    list_attempts,
    append_logs,
    add_chunks,
    add_checkpoint,
    list_checkpoints,
    get_checkpoint,
    add_usage,
    list_usage,
    add_tool_call,
    list_tool_calls,
    put_output,
    get_output,
    list_outputs,
    put_state,
    get_state,
    delete_state,
    list_state,
]
