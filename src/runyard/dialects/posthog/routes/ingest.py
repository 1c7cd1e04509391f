"""Events that a sandbox sends by itself, taken while they come (contract §9.9)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from litestar import Request, post, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import ingest as mapping
from runyard.dialects.posthog.mapping.ingest import BATCH, End, Wrong
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.streams import IngestError, IngestResult
from runyard.domain.errors import NotFound, Unauthorized
from runyard.engine.coding import ingesting
from runyard.engine.coding.ingesting import Numbered, Taken
from runyard.storage.port import Store
from runyard.web.auth import bearer
from runyard.web.errors import Gone
from runyard.web.reply import Reply
from runyard.web.signed_tokens import TO_INGEST

PATH = RUN + "/event_stream"
OTHERS = [HttpMethod.GET, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]


class _Sums:
    """What came of the lines of one request."""

    def __init__(self, last: int) -> None:
        self.accepted = 0
        self.duplicate = 0
        self.last = last

    def add(self, taken: Taken) -> None:
        self.accepted += taken.accepted
        self.duplicate += taken.duplicate
        self.last = taken.last


def public_handlers(house: House, store: Store) -> Sequence[HTTPRouteHandler]:
    """All routes of this module: their callers have tokens of their own."""

    @post(
        PATH,
        public=True,
        operation_id="tasks_runs_event_stream_create",
        tags=["task-runs-extra"],
        status_code=200,
        consumes="application/x-ndjson",
        stored=False,
        request_max_body_size=None,
    )
    async def event_stream(
        request: Request[Any, Any, Any], project_id: str, task_id: str, id: str
    ) -> Reply[IngestResult]:
        """Take the events of the run's sandbox in order, each once; an empty body asks for the last number."""
        try:
            project, task, run = await _who(request, project_id, task_id, id)
        except Wrong as wrong:
            return _refused(wrong)
        try:
            sums = _Sums((await store.write(ingesting.begin, project, task, run)).last)
        except NotFound as error:
            return _refused(Wrong(404, "not_found", error.detail))
        try:
            async for events, end in _batches(request):
                taken = await store.write(
                    ingesting.take, project, task, run, events, final=None if end is None else end.final
                )
                sums.add(taken)
                if taken.conflict is not None:
                    return _refused(Wrong(409, taken.code or "conflict", taken.conflict), sums.last)
        except Wrong as wrong:
            return _refused(wrong, sums.last)
        except NotFound as error:
            return _refused(Wrong(404, "not_found", error.detail))
        return Reply(IngestResult(accepted=sums.accepted, duplicate=sums.duplicate, last_accepted_seq=sums.last))

    @route(PATH, http_method=OTHERS, public=True, include_in_schema=False, status_code=405)
    async def other_methods(project_id: str, task_id: str, id: str) -> Reply[IngestError]:
        """Say that events are sent by POST."""
        error = IngestError(error="events are sent by POST", code="method_not_allowed")
        return Reply(error, status_code=405, headers=[(b"allow", b"POST")])

    async def _who(request: Request[Any, Any, Any], project_id: str, task_id: str, run_id: str) -> tuple[int, str, str]:
        """(project, task, run) of the token, which must be those of the path. Raises `Wrong`."""
        scope: Any = request.scope
        try:
            token = bearer(scope)
            if token is None:
                raise Unauthorized("send the run's ingest token as `Authorization: Bearer …`")
            said = await house.signed.read(token, TO_INGEST)
        except Unauthorized as error:
            raise Wrong(401, "authentication_failed", error.detail) from None
        run, task, project = said.get("run_id"), said.get("task_id"), said.get("team_id")
        named = (project_id, task_id.lower(), run_id.lower())
        if not isinstance(project, int) or named not in ((str(project), task, run), ("@current", task, run)):
            raise Wrong(403, "permission_denied", "this token is of another run, task or project")
        return project, named[1], named[2]

    return [event_stream, other_methods]


async def _batches(request: Request[Any, Any, Any]) -> AsyncIterator[tuple[list[Numbered], End | None]]:
    """The lines as they come: whatever came together, at most so many. Raises `Wrong`, after what was right before."""
    found: list[Numbered] = []
    events = 0
    try:
        async for raw in _lines(request):
            said = mapping.line_in(raw) if raw is not None else None
            if isinstance(said, End):
                yield found, said
                found = []
                continue
            if said is not None:
                events += 1
                if events > mapping.MAX_EVENTS:
                    raise Wrong(413, "too_many_events", f"at most {mapping.MAX_EVENTS} events are taken at once")
                found.append(said)
            if found and (said is None or len(found) == BATCH):
                yield found, None
                found = []
    except Wrong as wrong:
        if found:
            yield found, None
        raise wrong from None


async def _lines(request: Request[Any, Any, Any]) -> AsyncIterator[bytes | None]:
    """Each line as soon as it is whole, and None behind what came together. Raises `Wrong` and `Gone`."""
    rest, size, more = b"", 0, True
    while more:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole if more else [*whole, rest]:
            if line.strip():
                yield line
        if size > mapping.MAX_BODY:
            raise Wrong(413, "body_too_large", f"the body is larger than the {mapping.MAX_BODY} bytes that are taken")
        if len(rest) > mapping.MAX_LINE:
            raise Wrong(413, "line_too_large", f"a line is longer than the {mapping.MAX_LINE} bytes that are taken")
        yield None


def _refused(wrong: Wrong, last: int | None = None) -> Reply[Any]:
    error = IngestError(error=wrong.detail, code=wrong.code, last_accepted_seq=last)
    headers = [(b"www-authenticate", b"Bearer")] if wrong.status == 401 else []
    return Reply(error, status_code=wrong.status, headers=headers)
