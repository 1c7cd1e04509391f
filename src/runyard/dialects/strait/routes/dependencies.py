"""What jobs depend on (contract §14), and whom runs belong to (contract §15)."""

from __future__ import annotations

from typing import Any

from litestar import delete, get, post

from runyard.dialects.strait.lists import bare, enveloped
from runyard.dialects.strait.mapping import links as mapping
from runyard.dialects.strait.mapping import values
from runyard.dialects.strait.mapping.runs import run_out
from runyard.dialects.strait.slugs import slug_of
from runyard.dialects.strait.wire import JobRun, Paginated
from runyard.dialects.strait.wire import links as wire
from runyard.engine import dependencies, lineage
from runyard.web.call import Call
from runyard.web.reply import Reply


@get("/v1/jobs/{job_id:str}/dependencies", needs="jobs:read", tags=["Jobs"])
async def list_job_dependencies(
    call: Call, job_id: str, limit: str | None = None, cursor: str | None = None
) -> Reply[Paginated[wire.JobDependency]]:
    """What the job depends on, newest first."""
    most = values.limit_in(limit)
    until, before = values.place(cursor) or (None, None)
    found = await call.read(
        dependencies.page,
        call.project_id,
        job_id,
        before=before,
        until=until if before is None else None,
        limit=most + 1,
    )
    shown, after = values.shown(found, most, lambda one: (one.created_at, one.id))
    return enveloped([mapping.dependency_out(one) for one in shown], after)


@post("/v1/jobs/{job_id:str}/dependencies", needs="jobs:write", status_code=201, tags=["Jobs"])
async def create_job_dependency(
    call: Call, job_id: str, data: wire.CreateJobDependencyRequest
) -> Reply[wire.JobDependency]:
    """Let the job wait for another; between the same two the condition is changed."""
    return await call.answer(
        mapping.dependency_out,
        dependencies.add,
        call.project_id,
        job_id,
        depends_on=data.depends_on_job_id,
        condition=data.condition,
        actor=call.actor,
    )


@delete("/v1/jobs/{job_id:str}/dependencies/{dep_id:str}", needs="jobs:write", status_code=204, tags=["Jobs"])
async def delete_job_dependency(call: Call, job_id: str, dep_id: str) -> None:
    """Take a dependency away; runs that waited for it alone go on."""
    await call.write(dependencies.remove, call.project_id, job_id, values.lenient_id(dep_id), actor=call.actor)


async def _status(call: Call, run_id: str) -> wire.RunDependencyStatus:
    return mapping.dependency_status_out(await call.read(dependencies.status, call.project_id, values.run_id(run_id)))


@get("/v1/runs/{run_id:str}/dependency-status", needs="runs:read", tags=["Runs"])
async def get_run_dependency_status(call: Call, run_id: str) -> wire.RunDependencyStatus:
    """What the run's job depends on, and whether it is met for the run now."""
    return await _status(call, run_id)


@get("/v1/runs/{run_id:str}/dependencies", needs="runs:read", tags=["SDKAliases"])
async def get_run_dependencies(call: Call, run_id: str) -> wire.RunDependencyStatus:
    """The same where the published client asks for it."""
    return await _status(call, run_id)


@get("/v1/runs/{run_id:str}/children", needs="runs:read", tags=["Runs"])
async def list_child_runs(
    call: Call, run_id: str, limit: str | None = None, cursor: str | None = None
) -> Reply[list[JobRun]]:
    """The runs that this one spawned, oldest first."""
    most = values.limit_in(limit)
    since, after = values.place(cursor) or (None, None)
    found = await call.read(
        lineage.children,
        call.project_id,
        values.run_id(run_id),
        after=after,
        since=since if after is None else None,
        limit=most + 1,
    )
    shown, place = values.shown(found, most, lambda run: (run.created_at, run.id))
    slug = await slug_of(call)
    return bare(call, [run_out(run, slug) for run in shown], place)


@get("/v1/runs/{run_id:str}/lineage", needs="runs:read", tags=["Runs"])
async def list_run_lineage(
    call: Call, run_id: str, limit: str | None = None, cursor: str | None = None
) -> Reply[list[JobRun]]:
    """The chain of continuations that the run is part of, whole, from its first run on."""
    values.limit_in(limit)
    values.place(cursor)
    slug = await slug_of(call)
    found = await call.read(lineage.chain, call.project_id, values.run_id(run_id))
    return bare(call, [run_out(run, slug) for run in found], None)


HANDLERS: list[Any] = [
    list_job_dependencies,
    create_job_dependency,
    delete_job_dependency,
    get_run_dependency_status,
    get_run_dependencies,
    list_child_runs,
    list_run_lineage,
]
