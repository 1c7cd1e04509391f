"""One verb for many runs, carried out in the background."""

from __future__ import annotations

from typing import Any

from litestar import get, post

from runyard.dialects.native import mapping, wire
from runyard.dialects.native.routes.queries import states_in, tags_in
from runyard.domain.bulks import Bulk
from runyard.engine import bulks
from runyard.engine.filters import Filter
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply
from runyard.web.slugs import slug_of


def _filter(given: wire.RunFilter | None) -> Filter | None:
    if given is None:
        return None
    return Filter(
        states=states_in(mapping.listed(given.state)),
        job=given.job,
        queue=given.queue,
        tags=tags_in(mapping.listed(given.tag)),
        parent_id=given.parent_id,
        task_id=given.task_id,
        batch_id=given.batch_id,
        outcome=given.outcome,
        error_class=given.error_class,
        resolved=given.resolved,
        created_after=mapping.maybe_micros(given.created_after),
        created_before=mapping.maybe_micros(given.created_before),
        payload=given.payload,
        metadata=given.metadata,
    )


@post("/v1/bulk", needs="runs:write", status_code=202)
async def start_bulk(call: Call, data: wire.BulkIn) -> Reply[wire.Bulk]:
    """Apply an action to the runs named, or to all that meet a filter; `dry_run` only counts them."""
    slug = await slug_of(call)

    def shape(bulk: Bulk) -> wire.Bulk:
        return mapping.bulk_out(bulk, slug)

    return await call.answer(
        shape,
        bulks.create,
        call.project_id,
        action=data.action,
        ids=None if data.ids is None else [mapping.lenient_id(one) for one in data.ids],
        filter=_filter(data.filter),
        dry_run=data.dry_run,
        reason=data.reason,
        actor=call.actor,
    )


@get("/v1/bulk", needs="runs:read")
async def list_bulks(call: Call, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Bulk]:
    """The project's bulk actions, newest first."""
    slug = await slug_of(call)
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(bulks.page, call.project_id, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return wire.Page(data=[mapping.bulk_out(row, slug) for row in shown], next_cursor=more)


@get("/v1/bulk/{bulk_id:str}", needs="runs:read")
async def get_bulk(call: Call, bulk_id: str) -> wire.Bulk:
    """A bulk action and how far it is."""
    return mapping.bulk_out(await call.read(bulks.get, call.project_id, bulk_id), await slug_of(call))


@post("/v1/bulk/{bulk_id:str}/cancel", needs="runs:write", status_code=200)
async def cancel_bulk(call: Call, bulk_id: str) -> wire.Bulk:
    """Stop a bulk action; what it has done stays done."""
    stopped = await call.write(bulks.cancel, call.project_id, bulk_id, actor=call.actor)
    return mapping.bulk_out(stopped, await slug_of(call))


HANDLERS: list[Any] = [start_bulk, list_bulks, get_bulk, cancel_bulk]
