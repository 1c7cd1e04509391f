"""Runs: finding them, and what people do with one of them (contract §13, §21, §23)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from litestar import delete, get, post
from msgspec import UNSET

from runyard.dialects.strait.lists import bare
from runyard.dialects.strait.mapping import filters, values
from runyard.dialects.strait.mapping.runs import run_out
from runyard.dialects.strait.mapping.triggers import SPARE
from runyard.dialects.strait.slugs import own_project, slug_of
from runyard.dialects.strait.wire import runs as wire
from runyard.domain.errors import Conflict, DomainError, IllegalMove, Invalid, NotFound
from runyard.domain.presets import OVERRIDE
from runyard.domain.states import LIVE, RunState
from runyard.engine import cancellations, copies, idempotency, listing, pauses, resolutions, runs, starts
from runyard.engine.filters import Filter
from runyard.web.call import Call
from runyard.web.reply import Reply

CANCELABLE = LIVE - {RunState.DEAD_LETTER}
LEVELS = 20
"""How far below a canceled run its descendants are canceled."""
REPLAYABLE = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.CRASHED, RunState.SYSTEM_FAILED})
PAUSABLE = frozenset({RunState.RUNNING, RunState.PAUSED})
WORKED_ON = frozenset({RunState.CLAIMED, RunState.STARTING, RunState.RUNNING, RunState.WAITING})


@contextmanager
def telling(kind: type[DomainError], of: type[DomainError] = IllegalMove) -> Iterator[None]:
    """What this dialect calls by another name: errors `of` one kind are told as of another."""
    try:
        yield
    except of as error:
        raise kind(error.detail) from None


async def page_of(call: Call, project_id: int, wanted: Filter, cursor: str | None, limit: str | None) -> Reply[Any]:
    """A page of the runs wanted, newest first."""
    narrowed, below = filters.before(cursor, wanted)
    found = await call.read(listing.page, project_id, narrowed, before=below, limit=values.limit_in(limit))
    slug = await slug_of(call)
    return bare(call, [run_out(run, slug) for run in found.runs], filters.after(found.runs, found.after))


@get("/v1/runs", needs="runs:read", tags=["Runs"])
async def list_runs(
    call: Call,
    project_id: str | None = None,
    status: str | None = None,
    statuses: list[str] | None = None,
    metadata_key: str | None = None,
    metadata_value: str | None = None,
    tag_key: str | None = None,
    tag_value: str | None = None,
    triggered_by: str | None = None,
    batch_id: str | None = None,
    payload_contains: str | None = None,
    execution_mode: str | None = None,
    error_class: str | None = None,
    limit: str | None = None,
    cursor: str | None = None,
) -> Reply[list[wire.JobRun]]:
    """Runs that meet every filter given, newest first; `tags[key]=value` and `metadata[key]=value` are filters too.

    A page examines a bounded number of runs: with a rare match it may hold fewer than `limit`, none even, and still
    come with `X-Next-Cursor`, with which the search goes on.
    """
    wanted = filters.filter_in(list(call.request.query_params.multi_items()))
    return await page_of(call, await own_project(call, project_id), wanted, cursor, limit)


@get("/v1/runs/dlq", needs="runs:read", tags=["Runs"])
async def list_dead_letters(
    call: Call, project_id: str | None = None, limit: str | None = None, cursor: str | None = None
) -> Reply[list[wire.JobRun]]:
    """Runs whose attempts are used up, newest first."""
    wanted = Filter(states=(RunState.DEAD_LETTER,))
    return await page_of(call, await own_project(call, project_id), wanted, cursor, limit)


@get("/v1/runs/{run_id:str}", needs="runs:read", tags=["Runs"])
async def get_run(call: Call, run_id: str) -> wire.JobRun:
    """A run as it stands now."""
    run = await call.read(runs.find, call.project_id, values.run_id(run_id))
    return run_out(run, await slug_of(call))


@delete("/v1/runs/{run_id:str}", needs="runs:write", status_code=200, tags=["Runs"], refuses=(409,))
async def cancel_run(call: Call, run_id: str) -> wire.JobRun:
    """Cancel a run that has not ended, with its descendants."""
    with telling(Invalid):
        run = await call.write(
            cancellations.cancel,
            call.project_id,
            values.run_id(run_id),
            actor=call.actor,
            reason="canceled by user",
            among=CANCELABLE,
            levels=LEVELS,
        )
    return run_out(run, await slug_of(call))


@post("/v1/runs/{run_id:str}/replay", needs="runs:write", status_code=201, tags=["Runs"])
async def replay_run(call: Call, run_id: str, from_checkpoint: str | None = None) -> wire.JobRun:
    """A new run like a failed one; with `from_checkpoint` its payload is that checkpoint's state."""
    said: Any = {"actor": call.actor, "among": REPLAYABLE, "bare": True, "spare": SPARE}
    wanted = values.run_id(run_id)
    with telling(Invalid, Conflict):
        if from_checkpoint is None:
            run = await call.write(copies.replay, call.project_id, wanted, **said)
        else:
            sequence = _sequence(from_checkpoint)
            run = await call.write(copies.replay_from, call.project_id, wanted, sequence, **said)
    return run_out(run, await slug_of(call))


def _sequence(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 0 < len(value) <= 18 or int(value) < 1:
        raise Invalid("from_checkpoint must be the sequence number of a checkpoint, 1 or higher")
    return int(value)


@post("/v1/runs/{run_id:str}/dlq-replay", needs="runs:write", status_code=200, tags=["Runs"])
async def requeue_run(call: Call, run_id: str) -> wire.JobRun:
    """Put a dead-lettered run back into the queue: the same run, from its first attempt."""
    among = frozenset({RunState.DEAD_LETTER})
    run = await call.write(
        resolutions.requeue, call.project_id, values.run_id(run_id), actor=call.actor, reason="dlq-replay", among=among
    )
    return run_out(run, await slug_of(call))


@delete("/v1/runs/{run_id:str}/idempotency-key", needs="runs:write", status_code=200, tags=["Runs"])
async def reset_idempotency_key(call: Call, run_id: str) -> wire.IdempotencyResetResponse:
    """Free the run's idempotency key for a new run; not while the run is worked on."""
    with telling(NotFound):
        run = await call.write(
            idempotency.reset, call.project_id, values.run_id(run_id), actor=call.actor, spare=WORKED_ON
        )
    return wire.IdempotencyResetResponse(run_id=run.id)


@post("/v1/runs/{run_id:str}/reschedule", needs="runs:write", status_code=200, tags=["Runs"])
async def reschedule_run(call: Call, run_id: str, data: wire.RescheduleRequest) -> wire.JobRun:
    """Another time for a run nobody has begun to work on, perhaps another payload."""
    with telling(NotFound):
        run = await call.write(
            starts.reschedule,
            call.project_id,
            values.run_id(run_id),
            available_at=values.micros(data.scheduled_at),
            payload=values.given_text(data.payload),
            actor=call.actor,
        )
    return run_out(run, await slug_of(call))


@post("/v1/runs/{run_id:str}/pause", needs="runs:write", status_code=200, tags=["Runs"])
async def pause_run(call: Call, run_id: str) -> wire.JobRun:
    """Park an executing run; pausing a paused one changes nothing."""
    with telling(Invalid):
        run = await call.write(pauses.pause, call.project_id, values.run_id(run_id), actor=call.actor, among=PAUSABLE)
    return run_out(run, await slug_of(call))


@post("/v1/runs/{run_id:str}/resume", needs="runs:write", status_code=200, tags=["Runs"])
async def resume_run(call: Call, run_id: str) -> wire.JobRun:
    """Queue a paused run again."""
    with telling(Invalid):
        run = await call.write(pauses.resume, call.project_id, values.run_id(run_id), actor=call.actor)
    return run_out(run, await slug_of(call))


@post("/v1/runs/{run_id:str}/restart", needs="runs:write", status_code=200, tags=["Runs"])
async def restart_run(call: Call, run_id: str, data: wire.RestartRequest | None = None) -> wire.JobRun:
    """Queue an executing or paused run again at the attempt it is at, perhaps with another machine."""
    preset = UNSET if data is None else data.machine_preset
    with telling(Invalid):
        run = await call.write(
            pauses.restart,
            call.project_id,
            values.run_id(run_id),
            actor=call.actor,
            notes={OVERRIDE: preset} if preset else None,
        )
    return run_out(run, await slug_of(call))


HANDLERS: list[Any] = [
    list_runs,
    list_dead_letters,
    get_run,
    cancel_run,
    replay_run,
    requeue_run,
    reset_idempotency_key,
    reschedule_run,
    pause_run,
    resume_run,
    restart_run,
]
