"""Runs as the seed has them (contract §4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from litestar import get, post

from runyard.dialects.bamboosnow.mapping import runs as mapping
from runyard.dialects.bamboosnow.mapping.values import instant, number, one_of, place, read, wanted
from runyard.dialects.bamboosnow.wire import runs as wire
from runyard.domain.errors import Conflict, IllegalMove
from runyard.domain.levels import LEVELS
from runyard.domain.watching import PERIODS, Watch
from runyard.engine import agent_details, agent_lists, agent_stats, copies, log_lines, stops
from runyard.web.call import Call
from runyard.web.reply import Reply

RUNNABLE = ("write", "agents:run")
LINES = 100


@contextmanager
def refusing(why: str) -> Iterator[None]:
    """Tell in this dialect's words why a run's status does not allow something."""
    try:
        yield
    except IllegalMove:
        raise Conflict(why) from None


@get("/v1/runs", needs="read", tags=["Runs"])
async def list_runs(
    call: Call,
    agent_id: str | None = None,
    repository_id: str | None = None,
    status: str | None = None,
    pr_number: str | None = None,
    since: str | None = None,
    until: str | None = None,
    page: str | None = None,
    per_page: str | None = None,
) -> wire.RunList:
    """Runs of agents that meet every filter given: those that began last first (that were made, before they begin).

    `since` and `until` compare to the microsecond, though times are shown in seconds.
    """
    where = place(page, per_page)
    asked = mapping.wanted_in(
        call.project_id,
        agent_id=agent_id,
        repository_id=repository_id,
        status=status,
        pr_number=pr_number,
        since=since,
        until=until,
    )
    return mapping.list_out(await call.read(agent_lists.page, asked, offset=where.offset, limit=where.per_page), where)


@get("/v1/runs/stats", needs="read", tags=["Runs"])
async def run_stats(
    call: Call, agent_id: str | None = None, repository_id: str | None = None, period: str | None = None
) -> wire.RunStats:
    """How runs of agents did today (`day`), over 7 days (`week`, the default) or 30 (`month`), in UTC, day by day."""
    days = one_of("period", period, tuple(PERIODS)) or "week"
    watch = Watch(
        project_id=call.project_id, agent_id=wanted("agent", agent_id), repository_id=wanted("repo", repository_id)
    )
    return mapping.stats_out(days, await call.read(agent_stats.over, watch, days))


@get("/v1/runs/{id:str}", needs="read", tags=["Runs"])
async def get_run(call: Call, id: str) -> wire.RunDetail:
    """Any run of the project, of an agent or not, with what it found and did.

    Issues are shown up to 10,000, or as far as 16 MiB of text go; all of them are at `/runyard/v1/runs/…/findings`.
    """
    return mapping.detail_out(await call.read(agent_details.find, call.project_id, read("run", id)))


@post("/v1/runs/{id:str}/cancel", needs=RUNNABLE, status_code=200, tags=["Runs"], refuses=(409,))
async def cancel_run(call: Call, id: str, data: wire.CancelRequest | None = None) -> wire.CancelResponse:
    """Stop a run that is queued or running; one that is cancelled stays so, and any other is refused."""
    reason = None if data is None else data.reason
    with refusing("the run has ended; only a queued or running one can be cancelled"):
        run = await call.write(stops.stop, call.project_id, read("run", id), reason=reason, actor=call.actor)
    return mapping.cancel_out(run)


@post("/v1/runs/{id:str}/retry", needs=RUNNABLE, status_code=200, tags=["Runs"], refuses=(409,))
async def retry_run(call: Call, id: str, data: wire.RetryRequest | None = None) -> Reply[wire.RetryResponse]:
    """Queue a new run like one that has ended: of the same agent, about the same, with the same payload."""
    config = None if data is None else data.config_override
    with refusing("the run has not ended; only one that has can be retried"):
        return await call.answer(
            mapping.retry_out, copies.retry, call.project_id, read("run", id), config=config, actor=call.actor
        )


@get("/v1/runs/{id:str}/logs", needs="read", tags=["Runs"])
async def get_logs(
    call: Call, id: str, level: str | None = None, since: str | None = None, limit: str | None = None
) -> wire.RunLogs:
    """The first lines of a run's log, of one level and after a time where these are given.

    Times compare in milliseconds, as they are shown. What is long ends early; go on from the last time.
    """
    run_id = read("run", id)
    lines = await call.read(
        log_lines.of_run,
        call.project_id,
        run_id,
        level=one_of("level", level, LEVELS),
        since=instant("since", since),
        limit=number("limit", limit, LINES, most=log_lines.MOST),
    )
    return mapping.logs_out(run_id, lines)


HANDLERS: list[Any] = [list_runs, run_stats, get_run, cancel_run, retry_run, get_logs]
