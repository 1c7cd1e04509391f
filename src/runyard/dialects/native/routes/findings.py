"""What agents are to do, what they find, and what they do to the world outside."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get, post
from litestar.params import QueryParameter

from runyard.dialects.native import mapping, wire
from runyard.dialects.native.mapping import findings as shapes
from runyard.dialects.native.routes.records import EXECUTORS, READERS, may_read, writer
from runyard.engine import actions, assignments, findings
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, place
from runyard.web.reply import Reply
from runyard.web.slugs import slug_in

Repository = Annotated[str | None, QueryParameter(description="The repository's id, or its full name.")]


@get("/v1/runs/{run_id:str}/assignment", needs=READERS, refuses=(409,))
async def get_assignment(call: Call, run_id: str) -> wire.Assignment:
    """What the run is to do, as its agent, its payload and its occasion say."""
    project_id = await may_read(call, run_id)
    found = await call.read(assignments.of_run, project_id, mapping.run_id(run_id))
    return shapes.assignment_out(found, await slug_in(call, project_id))


@post("/v1/runs/{run_id:str}/findings", needs=EXECUTORS, status_code=201)
async def add_findings(call: Call, run_id: str, data: wire.FindingsIn) -> Reply[wire.Counted]:
    """Tell what an agent found; none at all says that it looked and found nothing.

    Repeated findings are taken once. The first that a later attempt tells take the place of an earlier attempt's.
    """
    told = shapes.findings_in(data)
    return await call.answer(shapes.counted_out, findings.add, writer(call, run_id, data.token), told)


@get("/v1/runs/{run_id:str}/findings", needs=READERS, refuses=(409,))
async def list_run_findings(
    call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None
) -> wire.Page[wire.Finding]:
    """What was found in a run, in the order told."""
    project_id = await may_read(call, run_id)
    (after,) = place(cursor, tuple[str]) or ("",)
    found = await call.read(findings.of_run, project_id, mapping.run_id(run_id), after=after, limit=limit)
    return mapping.page(found, shapes.finding_out)


@get("/v1/findings", needs="runs:read")
async def list_findings(
    call: Call,
    severity: wire.Severity | None = None,
    type: str | None = None,
    file: str | None = None,
    repository: Repository = None,
    agent: str | None = None,
    run: str | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> wire.Page[wire.Finding]:
    """The findings that meet every filter given, newest first.

    A page examines a bounded number of them: with a rare match it may hold fewer than `limit` and still have a
    `next_cursor`, with which the search goes on.
    """
    where = findings.Where(
        severity=severity,
        type=type,
        file=file,
        # Ids are written in several ways, names in one.
        repository=repository if repository is not None and "/" in repository else _id(repository),
        agent=_id(agent),
        run=_id(run),
    )
    (before,) = place(cursor, tuple[str]) or (None,)
    found = await call.read(findings.query, call.project_id, where, before=before, limit=limit)
    return mapping.page(found, shapes.finding_out)


def _id(value: str | None) -> str | None:
    return None if value is None else mapping.lenient_id(value)


@post("/v1/runs/{run_id:str}/actions", needs=EXECUTORS, status_code=201)
async def add_action(call: Call, run_id: str, data: wire.ActionIn) -> Reply[wire.Action]:
    """Record what an agent did to the world outside."""
    new = shapes.action_in(data)
    return await call.answer(shapes.action_out, actions.add, writer(call, run_id, data.token), new)


@get("/v1/runs/{run_id:str}/actions", needs=READERS, refuses=(409,))
async def list_actions(call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Action]:
    """What the run's agent did to the world outside, oldest first."""
    project_id = await may_read(call, run_id)
    (after,) = place(cursor, tuple[str]) or ("",)
    found = await call.read(actions.of_run, project_id, mapping.run_id(run_id), after=after, limit=limit)
    return mapping.page(found, shapes.action_out)


HANDLERS: list[Any] = [
    get_assignment,
    add_findings,
    list_run_findings,
    list_findings,
    add_action,
    list_actions,
]
