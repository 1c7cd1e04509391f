"""Triggers and schedules of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter

from runyard.dialects.native import wire
from runyard.dialects.native.mapping import triggers as mapping
from runyard.dialects.native.wire.triggers import Schedule, TriggerIn, TriggerOut
from runyard.domain.errors import NotFound
from runyard.engine import jobs, schedules, triggers
from runyard.engine.schedules import Fires
from runyard.engine.triggers import Outcome
from runyard.storage.port import Tx
from runyard.web.call import Call
from runyard.web.idempotency import Answer
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply
from runyard.web.slugs import slug_of

Count = Annotated[int, QueryParameter(ge=1, le=20, description="How many of the next times are told.")]


@post("/v1/jobs/{wanted:str}/trigger", needs="runs:write", status_code=201, also=(200, 202))
async def trigger_job(call: Call, wanted: str, data: TriggerIn | None = None) -> Reply[TriggerOut]:
    """Ask a job for a run, as all its settings say.

    201 with a run made now; 200 with one that its idempotency key or an equal payload has already, and for a dry run;
    202 when it is debounced or gathered with others.
    """
    slug = await slug_of(call)
    asked = data or TriggerIn()
    request = mapping.trigger_in(asked, project_id=call.project_id, job=wanted, now=call.store.now(), actor=call.actor)
    if asked.dry_run:
        return Reply(mapping.rehearsal_out(await call.read(triggers.rehearse, request), slug), status_code=200)

    def shape(outcomes: Sequence[Outcome]) -> Answer[TriggerOut]:
        (outcome,) = outcomes
        return Answer(*mapping.triggered_out(outcome, slug))

    return await call.answer(shape, triggers.trigger, [request])


@get("/v1/schedules", needs="runs:read")
async def list_schedules(call: Call, count: Count = 3, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[Schedule]:
    """Enabled jobs that make runs by the clock, newest first, each with its next times."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(schedules.page, call.project_id, before=before, limit=limit + 1, count=count)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.job.id))
    return wire.Page(data=[mapping.schedule_out(row) for row in shown], next_cursor=more)


@get("/v1/jobs/{wanted:str}/schedule", needs="runs:read")
async def get_schedule(call: Call, wanted: str, count: Count = 3) -> Schedule:
    """When the job makes runs next; 404 for one that is disabled or has no cron expression."""
    return mapping.schedule_out(await call.read(_of_job, call.project_id, wanted, count))


def _of_job(tx: Tx, project_id: int, wanted: str, count: int) -> Fires:
    found = schedules.of_job(tx, jobs.get(tx, project_id, wanted), count)
    if found is None:
        raise NotFound(f"the job {wanted[:128]!r} has no schedule: it is disabled or has no cron expression")
    return found


HANDLERS = [trigger_job, list_schedules, get_schedule]
