"""Making runs and what people do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import delete, get, post

from runyard.dialects.native import mapping, wire
from runyard.dialects.native.routes.records import EXECUTORS, LEASE, writer
from runyard.domain import records
from runyard.domain.errors import Forbidden, Invalid
from runyard.engine import cancellations, checkpoints, copies, creations, idempotency, pauses, resolutions, runs, starts
from runyard.web.call import Call
from runyard.web.idempotency import Answer
from runyard.web.reply import Reply
from runyard.web.slugs import slug_of


@post("/v1/runs", needs=EXECUTORS, status_code=201, also=(200,))
async def create_runs(call: Call, data: wire.RunsIn | wire.RunIn) -> Reply[wire.RunsOut | wire.Run]:
    """Make runs, all of them or none; a body that is a single run is answered with that run alone.

    200 instead of 201 when every run existed already under its idempotency key. With a lease in
    `X-Runyard-Lease` only children of its run are made, which a key that may only claim may do as well.
    """
    slug = await slug_of(call)
    alone = isinstance(data, wire.RunIn)
    asked = [data] if isinstance(data, wire.RunIn) else data.runs
    request = mapping.runs_in(call.project_id, asked, call.store.now(), call.actor)

    def shape(outcomes: Any) -> Any:
        made = mapping.created(slug, outcomes)
        body: wire.RunsOut | wire.Run = made[0][0] if alone else wire.RunsOut(runs=[run for run, _ in made])
        return Answer(body, 200 if all(duplicate for _, duplicate in made) else 201)

    if call.header(LEASE) is not None:
        parent = asked[0].parent_id
        if parent is None:
            raise Invalid("with a lease only children of its run are made: name it as `parent_id`")
        return await call.answer(shape, creations.spawn, writer(call, parent, None), [request])
    if not call.may("runs:write"):
        raise Forbidden("this needs a key with scope runs:write, or the lease on the parent in X-Runyard-Lease")
    return await call.answer(shape, creations.create, [request])


@get("/v1/runs/{run_id:str}", needs="runs:read")
async def get_run(call: Call, run_id: str) -> wire.Run:
    """A run as it stands now."""
    run = await call.read(runs.find, call.project_id, mapping.run_id(run_id))
    return mapping.run_out(run, await slug_of(call))


async def _change(
    call: Call, run_id: str, op: Callable[..., records.Run], status: int = 200, **more: Any
) -> Reply[wire.Run]:
    slug = await slug_of(call)

    def shape(run: records.Run) -> Answer[wire.Run]:
        return Answer(mapping.run_out(run, slug), status)

    return await call.answer(shape, op, call.project_id, mapping.run_id(run_id), actor=call.actor, **more)


def _reason(data: wire.Reason | None) -> str | None:
    return None if data is None else data.reason


@post("/v1/runs/{run_id:str}/cancel", needs="runs:write", status_code=200)
async def cancel_run(call: Call, run_id: str, data: wire.Reason | None = None) -> Reply[wire.Run]:
    """Cancel a run that has not ended, with everything below it; whoever holds it loses the lease."""
    return await _change(call, run_id, cancellations.cancel, reason=_reason(data))


@post("/v1/runs/{run_id:str}/pause", needs="runs:write", status_code=200)
async def pause_run(call: Call, run_id: str, data: wire.Reason | None = None) -> Reply[wire.Run]:
    """Park a run until it is resumed."""
    return await _change(call, run_id, pauses.pause, reason=_reason(data))


@post("/v1/runs/{run_id:str}/resume", needs="runs:write", status_code=200)
async def resume_run(call: Call, run_id: str, data: wire.Reason | None = None) -> Reply[wire.Run]:
    """Let a paused run go on."""
    return await _change(call, run_id, pauses.resume, reason=_reason(data))


@post("/v1/runs/{run_id:str}/restart", needs="runs:write", status_code=200)
async def restart_run(call: Call, run_id: str, data: wire.RestartIn | None = None) -> Reply[wire.Run]:
    """Queue a running or paused run again, at the attempt it is at; whoever holds it loses the lease."""
    asked = data or wire.RestartIn()
    return await _change(call, run_id, pauses.restart, reason=asked.reason, notes=mapping.restart_notes(asked))


@post("/v1/runs/{run_id:str}/publish", needs="runs:write", status_code=200)
async def publish_run(call: Call, run_id: str, data: wire.Reason | None = None) -> Reply[wire.Run]:
    """Ask for a draft to be run."""
    return await _change(call, run_id, starts.publish, reason=_reason(data))


@post("/v1/runs/{run_id:str}/requeue", needs="runs:write", status_code=200)
async def requeue_run(call: Call, run_id: str, data: wire.Reason | None = None) -> Reply[wire.Run]:
    """Take a run out of the dead letter: the same run, from its first attempt."""
    return await _change(call, run_id, resolutions.requeue, reason=_reason(data))


@post("/v1/runs/{run_id:str}/discard", needs="runs:write", status_code=200)
async def discard_run(call: Call, run_id: str, data: wire.Reason | None = None) -> Reply[wire.Run]:
    """Give a dead-lettered run up: it ends as failed and handled."""
    return await _change(call, run_id, resolutions.discard, reason=_reason(data))


@post("/v1/runs/{run_id:str}/resolve", needs="runs:write", status_code=200)
async def resolve_run(call: Call, run_id: str, data: wire.Reason | None = None) -> Reply[wire.Run]:
    """Mark an unsuccessful run as handled; its state stays."""
    return await _change(call, run_id, resolutions.resolve, reason=_reason(data))


@post("/v1/runs/{run_id:str}/retry", needs="runs:write", status_code=201)
async def retry_run(call: Call, run_id: str, data: wire.RetryIn | None = None) -> Reply[wire.Run]:
    """A new run like an ended one, with `config` laid over its payload's."""
    config = None if data is None else data.config
    return await _change(call, run_id, copies.retry, 201, config=config)


@post("/v1/runs/{run_id:str}/replay", needs="runs:write", status_code=201)
async def replay_run(call: Call, run_id: str, data: wire.ReplayIn | None = None) -> Reply[wire.Run]:
    """A new run linked to an ended one, with its payload, another one, or a checkpoint's state."""
    asked = data or wire.ReplayIn()
    payload = mapping.given_text(asked.payload)
    if asked.from_checkpoint is not None:
        if payload is not None:
            raise Invalid("say `payload` or `from_checkpoint`, not both")
        wanted = mapping.run_id(run_id)
        payload = (await call.read(checkpoints.get, call.project_id, wanted, asked.from_checkpoint)).state
    return await _change(call, run_id, copies.replay, 201, payload=payload)


@post("/v1/runs/{run_id:str}/reschedule", needs="runs:write", status_code=200)
async def reschedule_run(call: Call, run_id: str, data: wire.RescheduleIn | None = None) -> Reply[wire.Run]:
    """Another time for a run nobody has taken yet, perhaps another payload."""
    available_at, payload = mapping.reschedule_in(data, call.store.now())
    return await _change(call, run_id, starts.reschedule, available_at=available_at, payload=payload)


@delete("/v1/runs/{run_id:str}/idempotency-key", needs="runs:write", status_code=204)
async def reset_idempotency_key(call: Call, run_id: str) -> None:
    """Free the run's idempotency key for a new run."""
    await call.write(idempotency.reset, call.project_id, mapping.run_id(run_id), actor=call.actor)


HANDLERS = [
    create_runs,
    get_run,
    cancel_run,
    pause_run,
    resume_run,
    restart_run,
    publish_run,
    requeue_run,
    discard_run,
    resolve_run,
    retry_run,
    replay_run,
    reschedule_run,
    reset_idempotency_key,
]
