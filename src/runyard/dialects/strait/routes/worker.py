"""Worker-side calls: what the executor of one run says by its run token (contract §16, §17, §19)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from litestar import delete, get, post
from msgspec import Raw

from runyard.dialects.strait.auth import WORKER
from runyard.dialects.strait.errors import ResultMismatch
from runyard.dialects.strait.mapping import records as shapes
from runyard.dialects.strait.mapping import worker as mapping
from runyard.dialects.strait.mapping.runs import run_out
from runyard.dialects.strait.slugs import slug_of
from runyard.dialects.strait.tokens import Claims
from runyard.dialects.strait.wire import JobRun, StatusOk, records
from runyard.dialects.strait.wire import worker as wire
from runyard.domain.errors import DomainError, PayloadMismatch
from runyard.domain.policy import Failure
from runyard.domain.records import Run
from runyard.engine import annotations as notes
from runyard.engine import (
    checkpoints,
    chunks,
    fences,
    leases,
    logs,
    outputs,
    run_state,
    runs,
    tool_calls,
    usage,
)
from runyard.engine.fences import Writer
from runyard.engine.proofs import Report
from runyard.storage.port import Tx
from runyard.web.call import Call
from runyard.web.reply import Reply

T = TypeVar("T")
R = TypeVar("R", bound=Report)

TAGS = ["WorkerSide"]
OPEN = (409, 410)
"""What any of these calls is refused with when the run is not, or no longer, its token's to report on."""


def _claims(call: Call) -> Claims:
    scope: Any = call.request.scope
    claims: Claims = scope["run_token"]
    return claims


def writer(call: Call, *, begun: bool = False) -> Writer:
    """The holder of the run token, as who writes to the run's record."""
    claims = _claims(call)
    return Writer(project_id=claims.project, run_id=claims.sub, token=claims.proof, actor=call.actor, begun=begun)


def report(call: Call, kind: Callable[..., R], **said: Any) -> R:
    """The holder of the run token, as who reports on the run."""
    claims = _claims(call)
    return kind(project_id=claims.project, run_id=claims.sub, token=claims.proof, actor=call.actor, **said)


async def one(call: Call, op: Callable[[Tx, Sequence[Any]], Sequence[Any]], item: Any) -> Any:
    """The answer of a list-taking operation to one item. Raises what it is refused with."""
    (outcome,) = await call.write(op, [item])
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


async def reported(call: Call, op: Callable[[Tx, Sequence[Any]], Sequence[Any]], item: Report) -> Run:
    """The run after a report. Raises what it is refused with."""
    outcome: leases.Reported = await one(call, op, item)
    return outcome.run


@get("/sdk/v1/runs/{run_id:str}/payload", needs=WORKER, tags=TAGS, refuses=(410,))
async def get_payload(call: Call, run_id: str) -> Reply[Raw]:
    """The run's payload as it was sent, or null."""
    await call.read(fences.check, writer(call))
    run = await call.read(runs.find, call.project_id, _claims(call).sub)
    return Reply(run.payload.encode())


@post("/sdk/v1/runs/{run_id:str}/log", needs=WORKER, status_code=201, tags=TAGS, refuses=OPEN)
async def log_line(call: Call, run_id: str, data: wire.SDKLogRequest) -> records.RunEvent:
    """Log a line."""
    return await _logged(call, mapping.log_in(data))


@post("/sdk/v1/runs/{run_id:str}/progress", needs=WORKER, status_code=201, tags=TAGS, refuses=OPEN)
async def log_progress(call: Call, run_id: str, data: wire.SDKProgressRequest) -> records.RunEvent:
    """Say how far the work is."""
    return await _logged(call, mapping.progress_in(data))


async def _logged(call: Call, entry: logs.NewEntry) -> records.RunEvent:
    (line,) = await one(call, logs.add, logs.AppendRequest(writer=writer(call), entries=(entry,)))
    return shapes.event_out(line)


@post("/sdk/v1/runs/{run_id:str}/annotate", needs=WORKER, status_code=200, tags=TAGS, refuses=OPEN)
async def annotate(call: Call, run_id: str, data: wire.SDKAnnotateRequest) -> JobRun:
    """Merge entries into the run's metadata."""
    run = await call.write(notes.annotate, writer(call), data.annotations)
    return run_out(run, await slug_of(call))


@post("/sdk/v1/runs/{run_id:str}/heartbeat", needs=WORKER, status_code=200, tags=TAGS, refuses=OPEN)
async def heartbeat(call: Call, run_id: str) -> StatusOk:
    """Say that the worker lives."""
    await reported(call, leases.heartbeat, report(call, leases.Heartbeat))
    return StatusOk()


@post("/sdk/v1/runs/{run_id:str}/checkpoint", needs=WORKER, status_code=201, tags=TAGS, refuses=OPEN)
async def add_checkpoint(call: Call, run_id: str, data: wire.SDKCheckpointRequest) -> records.RunCheckpoint:
    """Keep state to resume from."""
    new = checkpoints.NewCheckpoint(state=bytes(data.state).decode(), label=data.source)
    return shapes.checkpoint_out(await call.write(checkpoints.add, writer(call, begun=True), new))


@post("/sdk/v1/runs/{run_id:str}/usage", needs=WORKER, status_code=201, tags=TAGS, refuses=(*OPEN, 429))
async def add_usage(call: Call, run_id: str, data: wire.SDKUsageRequest) -> records.RunUsage:
    """Record tokens used, within the run's budgets."""
    return shapes.usage_out(await call.write(usage.add, writer(call), mapping.usage_in(data)))


@post("/sdk/v1/runs/{run_id:str}/tool-call", needs=WORKER, status_code=201, tags=TAGS, refuses=(*OPEN, 429))
async def add_tool_call(call: Call, run_id: str, data: wire.SDKToolCallRequest) -> records.RunToolCall:
    """Record a tool call, of the tools the run may use."""
    return shapes.tool_call_out(await call.write(tool_calls.add, writer(call), mapping.tool_call_in(data)))


@post("/sdk/v1/runs/{run_id:str}/output", needs=WORKER, status_code=201, tags=TAGS, refuses=OPEN)
async def put_output(call: Call, run_id: str, data: wire.SDKOutputRequest) -> records.RunOutput:
    """Set a named result, in the place of an older one."""
    return shapes.output_out(await call.write(outputs.put, writer(call), mapping.output_in(data)))


@post("/sdk/v1/runs/{run_id:str}/complete", needs=WORKER, status_code=200, tags=TAGS, refuses=(*OPEN, 422))
async def complete_run(call: Call, run_id: str, data: wire.SDKCompleteRequest | None = None) -> JobRun:
    """End the run well. Saying so again gives the run as it ended."""
    done = report(call, leases.Complete, output=mapping.result_in(data))
    try:
        run = await reported(call, leases.complete, done)
    except PayloadMismatch as mismatch:
        raise ResultMismatch(mismatch.detail, **mismatch.extra) from None
    return run_out(run, await slug_of(call))


@post("/sdk/v1/runs/{run_id:str}/fail", needs=WORKER, status_code=200, tags=TAGS, refuses=OPEN)
async def fail_run(call: Call, run_id: str, data: wire.SDKFailRequest) -> JobRun:
    """End the run badly, for good. Saying so again gives the run as it ended."""
    failure = Failure(message=data.error, kind="unknown")
    run = await reported(call, leases.fail, report(call, leases.Fail, failure=failure, final="failed"))
    return run_out(run, await slug_of(call))


@post("/sdk/v1/runs/{run_id:str}/state", needs=WORKER, status_code=201, tags=TAGS, refuses=OPEN)
async def set_state(call: Call, run_id: str, data: wire.SDKSetStateRequest) -> records.RunStateEntry:
    """Keep a value with the run, in the place of an older one."""
    return shapes.state_out(await call.write(run_state.put, writer(call), data.key, mapping.value_in(data)))


@get("/sdk/v1/runs/{run_id:str}/state", needs=WORKER, tags=TAGS, refuses=(410,))
async def list_state(call: Call, run_id: str) -> list[records.RunStateEntry]:
    """Everything kept with the run, by key."""
    await call.read(fences.check, writer(call))
    found = await call.read(run_state.whole, call.project_id, _claims(call).sub)
    return [shapes.state_out(entry) for entry in found]


@get("/sdk/v1/runs/{run_id:str}/state/{key:path}", needs=WORKER, tags=TAGS, refuses=(410,))
async def get_state(call: Call, run_id: str, key: str) -> records.RunStateEntry:
    """A value kept with the run; clients send its key as it is, whatever is in it."""
    await call.read(fences.check, writer(call))
    return shapes.state_out(await call.read(run_state.get, call.project_id, _claims(call).sub, _key(call)))


@delete("/sdk/v1/runs/{run_id:str}/state/{key:path}", needs=WORKER, status_code=204, tags=TAGS, refuses=(410,))
async def delete_state(call: Call, run_id: str, key: str) -> None:
    """Forget a kept value, whether or not it is there."""
    await call.write(run_state.discard, writer(call), _key(call))


def _key(call: Call) -> str:
    """The key as it stands in the path; the router tidies slashes away."""
    path = unquote_to_bytes(bytes(call.request.scope["raw_path"])).decode()
    return path.partition("/state/")[2]


@post("/sdk/v1/runs/{run_id:str}/stream", needs=WORKER, status_code=200, tags=TAGS, refuses=OPEN)
async def add_chunk(call: Call, run_id: str, data: wire.SDKStreamChunkRequest) -> StatusOk:
    """Publish a piece of output to whoever follows."""
    await one(call, chunks.add, chunks.AddRequest(writer=writer(call), chunks=(mapping.chunk_in(data),)))
    return StatusOk()


HANDLERS: list[Any] = [
    get_payload,
    log_line,
    log_progress,
    annotate,
    heartbeat,
    add_checkpoint,
    add_usage,
    add_tool_call,
    put_output,
    complete_run,
    fail_run,
    set_state,
    list_state,
    get_state,
    delete_state,
    add_chunk,
]
