"""Triggers, many at once, and the records of those (contract §3–8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import get, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.strait.house import House
from runyard.dialects.strait.lists import enveloped
from runyard.dialects.strait.mapping import triggers as mapping
from runyard.dialects.strait.mapping import values
from runyard.dialects.strait.mapping.jobs import job_id as id_in
from runyard.dialects.strait.slugs import own_project, slug_of
from runyard.dialects.strait.wire import Paginated
from runyard.dialects.strait.wire import triggers as wire
from runyard.engine import batches, triggers
from runyard.engine.triggers import Bulk, PutOff
from runyard.web.call import Call
from runyard.web.reply import Reply

LONGEST_TRACE = 1024


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The operations."""

    @post("/v1/jobs/{job_id:str}/trigger", needs="jobs:trigger", status_code=201, also=(200, 202), tags=["Jobs"])
    async def trigger_job(
        call: Call, job_id: str, data: wire.TriggerJobRequest | None = None
    ) -> Reply[wire.TriggerJobResponse | wire.TriggerDryRunResponse | wire.TriggerDeferredResponse]:
        """Ask for a run: 201 with it, or with the one that answers; 202 when it is put off; 200 for a dry run.

        The idempotency key may come in `X-Idempotency-Key`, in `Idempotency-Key` or in the body.
        """
        asked = data or wire.TriggerJobRequest()
        keys = [call.header(name) for name in ("X-Idempotency-Key", "Idempotency-Key")]
        request = mapping.trigger_in(
            asked,
            project_id=call.project_id,
            job_id=id_in(job_id),
            key=mapping.key_in(keys, asked.idempotency_key),
            traces=_traces(call),
            actor=call.actor,
        )
        if asked.dry_run:
            found = await call.read(triggers.rehearse, request)
            return Reply(mapping.rehearsal_out(found, await slug_of(call)), status_code=200)
        (outcome,) = await call.write(triggers.trigger, [request])
        made = mapping.said(outcome)
        if isinstance(made, PutOff):
            return Reply(mapping.put_off_out(made), status_code=202)
        assert not isinstance(made, Bulk)
        return Reply(mapping.triggered_out(made, house.tokens.make))

    @post("/v1/jobs/{job_id:str}/trigger/bulk", needs="jobs:trigger", status_code=201, tags=["Jobs"])
    async def bulk_trigger_job(
        call: Call, job_id: str, data: wire.BulkTriggerRequest
    ) -> Reply[wire.BulkTriggerResponse]:
        """Ask for 1 to 500 runs, all or none; a record of the call is kept."""
        request = mapping.bulk_in(data, project_id=call.project_id, job_id=id_in(job_id), actor=call.actor)
        (outcome,) = await call.write(triggers.trigger, [request])
        made: Any = mapping.said(outcome)
        return Reply(mapping.bulk_out(made, house.tokens.make))

    return [trigger_job, bulk_trigger_job, list_batches, get_batch]


def _traces(call: Call) -> dict[str, str]:
    """The trace context that the request came with, as metadata."""
    found = {kept: call.header(name) or "" for name, kept in mapping.TRACES.items()}
    return {kept: text for kept, text in found.items() if 0 < len(text) <= LONGEST_TRACE}


@get("/v1/batch-operations", needs="runs:read", tags=["BatchOperations"])
async def list_batches(
    call: Call, project_id: str | None = None, limit: str | None = None, cursor: str | None = None
) -> Reply[Paginated[wire.BatchOperation]]:
    """Calls that triggered many runs, newest first."""
    number, n = await own_project(call, project_id), values.limit_in(limit)
    before = mapping.batch_place(values.place(cursor))
    rows = await call.read(batches.page, number, before=before, limit=n + 1)
    shown, more = values.shown(rows, n, mapping.place_of_batch)
    slug = project_id or await slug_of(call)
    return enveloped([mapping.batch_out(one, slug) for one in shown], more)


@get("/v1/batch-operations/{batch_id:str}", needs="runs:read", tags=["BatchOperations"])
async def get_batch(call: Call, batch_id: str) -> wire.BatchOperation:
    """A call that triggered many runs."""
    found = await call.read(batches.get, call.project_id, values.lenient_id(batch_id))
    return mapping.batch_out(found, await slug_of(call))
