"""Counts: how many runs there are, and how the queues stand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import get

from runyard.dialects.native import mapping, wire
from runyard.engine import stats
from runyard.web.call import Call

DAY = 24 * 60 * 60 * mapping.SECOND


@get("/v1/stats", needs="runs:read")
async def get_stats(call: Call, since: datetime | None = None, job: str | None = None) -> wire.Stats:
    """Runs by state now, and by outcome since a time (a day ago, unless told); of one job when it is named.

    Counting stops at ten thousand: what is named in `more` has at least the number given.
    """
    start = call.store.now() - DAY if since is None else mapping.micros(since)
    found = await call.read(stats.counts, call.project_id, since=start, job=job)
    return wire.Stats(
        since=mapping.when(found.since),
        states=found.states,
        outcomes=found.outcomes,
        ended=found.ended,
        more=found.more,
    )


@get("/v1/queues", needs="runs:read")
async def list_queues(call: Call) -> wire.Queues:
    """Every queue with runs that wait or are held by executors, by name."""
    return wire.Queues(data=[mapping.queue_out(one) for one in await call.read(stats.queues, call.project_id)])


HANDLERS: list[Any] = [get_stats, list_queues]
