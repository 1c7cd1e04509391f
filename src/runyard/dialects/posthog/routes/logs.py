"""A run's log: appended, read whole, and searched (contract §5)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms, shown
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import logs as mapping
from runyard.dialects.posthog.people import own
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.logs import AppendLogRequest, LogEntry
from runyard.dialects.posthog.wire.queries import Instant, Lines, Skipped
from runyard.dialects.posthog.wire.runs import TaskRunDetail
from runyard.domain.errors import DomainError
from runyard.domain.slices import Slice
from runyard.engine.coding import logs, runs
from runyard.engine.coding.logs import Append, Page
from runyard.storage.port import Store
from runyard.storage.statements.coding_logs import Kept, Wanted
from runyard.streams.asgi import Header
from runyard.web.call import Call
from runyard.web.reply import Download, Reply, Streamed, encode

JSONL, JSON = "application/jsonl", "application/json"
EVERYTHING = Wanted()
FIRST = 100
"""How many lines are looked at first; how big they are decides how many then."""
NO_CACHE = (b"cache-control", b"no-cache")


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """The routes for callers with a key."""

    @post(
        RUN + "/append_log",
        needs="task:write",
        operation_id="tasks_runs_append_log_create",
        tags=["task-runs"],
        status_code=200,
        body=AppendLogRequest,
        stored=False,
    )
    async def append_log(call: Call, project_id: str, task_id: str, id: str) -> Reply[TaskRunDetail]:
        """Entries behind the run's log, in their order; pieces of messages are left out."""
        task, run = own(task_id, "task"), own(id, "run")
        body = await call.request.body()
        try:
            lines = mapping.lines_in(call.request.scope["headers"], body)
        except DomainError:
            await call.read(runs.find, call.project_id, task, run)
            raise
        began = time.perf_counter()
        request = Append(project_id=call.project_id, task_id=task, run_id=run, lines=lines)
        (seen,) = await call.write(logs.append, [request])
        if isinstance(seen, DomainError):
            raise seen
        return Reply(encode(shown.run(call, house, seen)), headers=[timing("s3_append", began)])

    @get(
        RUN + "/logs",
        needs="task:read",
        operation_id="tasks_runs_logs_retrieve",
        tags=["task-runs"],
        media_type=JSONL,
        produces=JSONL,
    )
    async def get_logs(call: Call, project_id: str, task_id: str, id: str) -> Streamed:
        """The run's log, one JSON object a line, as its writers wrote them."""
        began = time.perf_counter()
        run = own(id, "run")
        upto = await call.read(logs.whole, call.project_id, run, own(task_id, "task"))
        return await log_text(call.store, run, upto, began)

    @get(
        RUN + "/session_logs",
        needs="task:read",
        operation_id="tasks_runs_session_logs_retrieve",
        tags=["task-runs"],
        produces=list[LogEntry],
    )
    async def session_logs(
        call: Call,
        project_id: str,
        task_id: str,
        id: str,
        after: Instant = None,
        event_types: str | None = None,
        exclude_types: str | None = None,
        limit: Lines = None,
        offset: Skipped = None,
    ) -> Streamed:
        """The log's entries that meet every filter given, oldest first, as a JSON array."""
        began = time.perf_counter()
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        said = forms.query(call, mapping.QUERY)
        wanted, skipped, most = mapping.wanted(said), said["offset"], said["limit"]
        page = await call.read(logs.page, call.project_id, task, run, wanted, offset=skipped, limit=most)
        filtered = timing("filter", began)
        began = time.perf_counter()
        first = await call.store.read(logs.portion, run, wanted, page.after, page.upto, FIRST)
        headers = [*_counts(page, skipped, most), NO_CACHE, _both(timing("s3_read", began), filtered)]
        headers.append((b"content-type", JSON.encode()))
        return Streamed(Download(_array(call.store, run, wanted, page.upto, first), headers=headers))

    return [append_log, get_logs, session_logs]


def public_handlers(house: House, store: Store) -> Sequence[HTTPRouteHandler]:
    """The routes for those whom a link was given."""

    @get("/links/{token:str}", public=True, include_in_schema=False)
    async def open_log(token: str) -> Streamed:
        """The log that the link opens."""
        began = time.perf_counter()
        link = house.links.read(token, shown.LOG)
        (run,) = link.names
        return await log_text(store, run, await store.read(logs.whole, link.project_id, run), began)

    return [open_log]


async def log_text(store: Store, run_id: str, upto: int, began: float) -> Streamed:
    """The log up to a line, as text that is sent while it is read."""
    first = await store.read(logs.portion, run_id, EVERYTHING, 0, upto, FIRST)
    headers = [NO_CACHE, timing("s3_read", began), (b"content-type", JSONL.encode())]
    return Streamed(Download(_text(store, run_id, upto, first), headers=headers))


async def _text(store: Store, run_id: str, upto: int, found: Slice[Kept, int]) -> AsyncIterator[bytes]:
    between = b""
    async for lines in _portions(store, run_id, EVERYTHING, upto, found):
        yield between + b"\n".join([mapping.line_out(line, run_id) for line in lines])
        between = b"\n"


async def _array(store: Store, run_id: str, wanted: Wanted, upto: int, found: Slice[Kept, int]) -> AsyncIterator[bytes]:
    between = b"["
    async for lines in _portions(store, run_id, wanted, upto, found):
        yield between + b",".join([mapping.line_out(line, run_id) for line in lines])
        between = b","
    yield b"]" if between == b"," else b"[]"


async def _portions(
    store: Store, run_id: str, wanted: Wanted, upto: int, found: Slice[Kept, int]
) -> AsyncIterator[Sequence[Kept]]:
    """Portions of bounded size, each read when the one before it was sent."""
    while found.rows:
        yield found.rows
        if found.more is None:
            return
        lines = logs.next_lines(len(found.rows))
        found = await store.read(logs.portion, run_id, wanted, found.more, upto, lines)


def _counts(page: Page, skipped: int, most: int) -> list[Header]:
    matching = b"%d" % page.matching
    more = b"true" if skipped + most < page.matching else b"false"
    return [
        (b"x-total-count", b"%d" % page.total),
        (b"x-filtered-count", matching),
        (b"x-matching-count", matching),
        (b"x-has-more", more),
    ]


def timing(name: str, began: float) -> Header:
    """How long something took, as clients read it."""
    return b"server-timing", f"{name};dur={(time.perf_counter() - began) * 1000:.1f}".encode()


def _both(first: Header, second: Header) -> Header:
    return first[0], first[1] + b", " + second[1]
