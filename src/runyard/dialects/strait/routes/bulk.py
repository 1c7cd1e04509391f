"""One verb for many runs (contract §13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import post

from runyard.dialects.strait.mapping import filters
from runyard.dialects.strait.mapping.runs import STATUS, run_out
from runyard.dialects.strait.mapping.triggers import SPARE
from runyard.dialects.strait.mapping.values import lenient_id
from runyard.dialects.strait.routes.runs import CANCELABLE, REPLAYABLE
from runyard.dialects.strait.slugs import own_project, slug_of
from runyard.dialects.strait.wire import bulk as wire
from runyard.dialects.strait.wire.runs import JobRun
from runyard.domain.errors import Invalid
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import bulks, cancellations, copies, dead_letters
from runyard.engine.runs import Outcome
from runyard.web.call import Call

REASON = "canceled by user (bulk)"


def _named(ids: Sequence[str]) -> list[str]:
    """The runs meant, each once."""
    return list(dict.fromkeys(map(lenient_id, ids)))


@post("/v1/runs/bulk-cancel", needs="runs:write", status_code=200, tags=["Runs"])
async def bulk_cancel(call: Call, data: wire.BulkCancelRequest) -> wire.BulkCancelResponse:
    """Cancel up to 100 runs, each for itself, with their children."""
    ids = _named(data.run_ids)
    outcomes = await call.write(
        cancellations.cancel_many, call.project_id, ids, actor=call.actor, reason=REASON, among=CANCELABLE, levels=1
    )
    results = [_canceled(run_id, outcome) for run_id, outcome in zip(ids, outcomes, strict=True)]
    failed = [one for one in results if one.error]
    done = [one for one in results if not one.error]
    return wire.BulkCancelResponse(results=[*failed, *done], total=len(results), canceled=len(done), failed=len(failed))


def _canceled(run_id: str, outcome: Outcome) -> wire.BulkCancelItem:
    """What became of one: why not, with the status it keeps, comes out of the error."""
    if isinstance(outcome, Run):
        return wire.BulkCancelItem(id=outcome.id, status="canceled")
    state = outcome.extra.get("state")
    status = STATUS[RunState(state)] if isinstance(state, str) else "failed"
    return wire.BulkCancelItem(id=run_id, status=status, error=outcome.detail)


@post("/v1/runs/bulk-cancel-all", needs="runs:write", status_code=200, tags=["Runs"])
async def bulk_cancel_all(
    call: Call, data: wire.BulkCancelAllRequest, project_id: str | None = None
) -> wire.BulkCancelResponse:
    """Cancel every run that meets all that is said and that nobody has begun to work on."""
    wanted = filters.waiting_in(data.job_id, data.batch_id, data.triggered_by, data.status)
    tenant = await own_project(call, project_id)
    ids: list[str] = []
    below: str | None = None
    while True:  # slice by slice, so that others are served in between
        part = await call.write(bulks.cancel_unbegun, tenant, wanted, before=below, actor=call.actor, reason=REASON)
        ids += part.ids
        below = part.after
        if below is None:
            break
    results = [wire.BulkCancelItem(id=run_id, status="canceled") for run_id in ids]
    return wire.BulkCancelResponse(results=results, total=len(ids), canceled=len(ids), failed=0, run_ids=ids)


@post("/v1/runs/bulk-replay", needs="runs:write", status_code=200, tags=["Runs"])
async def bulk_replay(call: Call, data: wire.BulkReplayRequest) -> list[JobRun]:
    """New runs like up to 100 failed ones; those that cannot be replayed are left out."""
    outcomes = await call.write(
        copies.replay_many,
        call.project_id,
        _named(data.run_ids),
        actor=call.actor,
        among=REPLAYABLE,
        bare=True,
        spare=SPARE,
    )
    slug = await slug_of(call)
    return [run_out(run, slug) for run in outcomes if isinstance(run, Run)]


@post("/v1/runs/bulk-dlq-replay", needs="runs:write", status_code=200, tags=["Runs"])
async def bulk_requeue(call: Call, data: wire.BulkDLQReplayRequest) -> wire.BulkDLQReplayResponse:
    """Queue dead letters again, all in one step: those named, or the oldest of the project."""
    if bool(data.run_ids) == bool(data.project_id):
        raise Invalid("say which runs: either run_ids or project_id")
    tenant = await own_project(call, data.project_id)
    ids = _named(data.run_ids) if data.run_ids else None
    queued = await call.write(dead_letters.requeue, tenant, ids=ids, limit=data.limit or 100, actor=call.actor)
    slug = data.project_id or await slug_of(call)
    return wire.BulkDLQReplayResponse(replayed=[run_out(run, slug) for run in queued], count=len(queued))


HANDLERS: list[Any] = [bulk_cancel, bulk_cancel_all, bulk_replay, bulk_requeue]
