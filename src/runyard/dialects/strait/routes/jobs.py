"""Jobs and their versions (contract §22)."""

from __future__ import annotations

from typing import Literal

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.strait.house import House
from runyard.dialects.strait.lists import enveloped
from runyard.dialects.strait.mapping import definitions, values
from runyard.dialects.strait.mapping import jobs as mapping
from runyard.dialects.strait.mapping.jobs import job_id as id_in
from runyard.dialects.strait.slugs import own_project, slug_of
from runyard.dialects.strait.wire import Paginated
from runyard.dialects.strait.wire import jobs as wire
from runyard.domain.errors import DomainError, Invalid
from runyard.domain.jobs import JobSpec
from runyard.engine import job_health, job_secrets, jobs
from runyard.engine.jobs import NewJob
from runyard.web.call import Call
from runyard.web.reply import Reply

Window = Literal["1h", "1d", "7d", "30d"]


@get("/v1/jobs", needs="jobs:read", tags=["Jobs"])
async def list_jobs(
    call: Call,
    project_id: str | None = None,
    tag_key: str | None = None,
    tag_value: str | None = None,
    limit: str | None = None,
    cursor: str | None = None,
) -> Reply[Paginated[wire.Job]]:
    """The project's jobs, newest first; with `tag_key` those that have the tag (and value)."""
    if tag_value is not None and tag_key is None:
        raise Invalid("tag_value needs tag_key")
    number = await own_project(call, project_id)
    at = values.place(cursor)
    found = await call.read(
        jobs.page_by_time,
        number,
        before=None if at is None else (at[0], at[1] or ""),
        limit=values.limit_in(limit),
        tag=None if tag_key is None else (tag_key, tag_value),
    )
    slug = project_id or await slug_of(call)
    more = None if found.more is None else values.cursor(*found.more)
    return enveloped([mapping.job_out(job, slug) for job in found.jobs], more)


@get("/v1/jobs/{job_id:str}", needs="jobs:read", tags=["Jobs"])
async def get_job(call: Call, job_id: str) -> wire.Job:
    """A job as it is now."""
    return mapping.job_out(await call.read(jobs.get, call.project_id, id_in(job_id)), await slug_of(call))


@delete("/v1/jobs/{job_id:str}", needs="jobs:write", status_code=204, tags=["Jobs"])
async def delete_job(call: Call, job_id: str) -> None:
    """Delete a job none of whose runs is live, with its versions, dependencies and runs (many of them in slices)."""
    await call.write(jobs.delete, call.project_id, id_in(job_id), history=True, actor=call.actor)


@post("/v1/jobs/{job_id:str}/clone", needs="jobs:write", status_code=201, tags=["Jobs"])
async def clone_job(call: Call, job_id: str, data: wire.CloneJobRequest) -> wire.Job:
    """Copy a job, with its secrets, under a new slug."""
    job = await call.write(
        jobs.clone, call.project_id, id_in(job_id), name=data.slug, title=data.name, actor=call.actor
    )
    return mapping.job_out(job, await slug_of(call))


@get("/v1/jobs/{job_id:str}/health", needs="jobs:read", tags=["Jobs"])
async def get_job_health(call: Call, job_id: str, window: Window = "7d") -> wire.JobHealth:
    """How the job's runs fared that ended in the window."""
    found = await call.read(job_health.health, call.project_id, id_in(job_id), window=mapping.WINDOWS[window])
    return mapping.health_out(found, window)


@get("/v1/jobs/{job_id:str}/versions", needs="jobs:read", tags=["Jobs"])
async def list_job_versions(
    call: Call, job_id: str, limit: str | None = None, cursor: str | None = None
) -> Reply[Paginated[wire.JobVersion]]:
    """The job's superseded configurations, newest first."""
    wanted, n = id_in(job_id), values.limit_in(limit)
    job = await call.read(jobs.get, call.project_id, wanted)
    number, at = mapping.version_place(values.place(cursor), job.version)
    rows = await call.read(jobs.versions, call.project_id, wanted, before=number, made_before=at, limit=n + 1)
    shown, more = values.shown(rows, n, mapping.place_of_version)
    return enveloped([mapping.version_out(one, job) for one in shown], more)


@get("/v1/jobs/{job_id:str}/versions/{version_id:str}", needs="jobs:read", tags=["Jobs"])
async def get_job_version(call: Call, job_id: str, version_id: str) -> wire.JobVersion:
    """A configuration that the job has or had."""
    job = await call.read(jobs.get, call.project_id, id_in(job_id))
    number = mapping.version_number(job, version_id)
    return mapping.version_out(await call.read(jobs.version, call.project_id, job.id, number), job)


@post("/v1/jobs/batch-enable", needs="jobs:write", status_code=200, tags=["Jobs"])
async def batch_enable_jobs(call: Call, data: wire.BatchJobIDsRequest) -> wire.BatchUpdateResult:
    """Enable jobs; ids of no job of this project are passed over."""
    ids = [values.lenient_id(one) for one in data.ids]
    found = await call.write(jobs.enable, call.project_id, ids, enabled=True, actor=call.actor)
    return wire.BatchUpdateResult(updated=found)


@post("/v1/jobs/batch-disable", needs="jobs:write", status_code=200, tags=["Jobs"])
async def batch_disable_jobs(call: Call, data: wire.BatchJobIDsRequest) -> wire.BatchUpdateResult:
    """Disable jobs: nobody is given their runs until they are enabled again."""
    ids = [values.lenient_id(one) for one in data.ids]
    found = await call.write(jobs.enable, call.project_id, ids, enabled=False, actor=call.actor)
    return wire.BatchUpdateResult(updated=found)


def handlers(house: House) -> list[HTTPRouteHandler]:
    """All operations on jobs but triggers."""
    settings = house.settings

    def seal(secret: str) -> str:
        return house.vault.seal(secret, job_secrets.SIGNING)

    def spec_in(asked: wire.CreateJobRequest) -> JobSpec:
        return definitions.made(asked, seal)

    @post("/v1/jobs", needs="jobs:write", status_code=201, tags=["Jobs"])
    async def create_job(call: Call, data: wire.CreateJobRequest) -> wire.Job:
        """Make a job, version 1."""
        number = await own_project(call, data.project_id)
        job = await call.write(
            jobs.create,
            number,
            name=data.slug,
            spec=spec_in(data),
            enabled=data.enabled is not False,
            actor=call.actor,
            settings=settings,
        )
        return mapping.job_out(job, data.project_id or await slug_of(call))

    @post("/v1/jobs/batch", needs="jobs:write", status_code=201, tags=["Jobs"])
    async def batch_create_jobs(call: Call, data: wire.BatchCreateJobsRequest) -> Reply[wire.BatchCreateJobsResponse]:
        """Make up to 50 jobs, each by itself; 400 when none was made."""
        numbers = {one.project_id: await own_project(call, one.project_id) for one in data.jobs}
        if len(set(numbers.values())) > 1:
            raise Invalid("the jobs of one call belong to one project")
        outcomes = await call.write(
            jobs.create_each,
            next(iter(numbers.values())),
            [_new(one) for one in data.jobs],
            actor=call.actor,
            settings=settings,
        )
        slug = next((one for one in numbers if one), None) or await slug_of(call)
        answer = mapping.batch_out(outcomes, slug, call.request_id)
        return Reply(answer, status_code=201 if answer.created else 400)

    def _new(asked: wire.CreateJobRequest) -> NewJob | DomainError:
        try:
            return NewJob(name=asked.slug, spec=spec_in(asked), enabled=asked.enabled is not False)
        except DomainError as refused:
            return refused

    @patch("/v1/jobs/{job_id:str}", needs="jobs:write", status_code=200, tags=["Jobs"])
    async def update_job(call: Call, job_id: str, data: wire.UpdateJobRequest | None = None) -> wire.Job:
        """Change a job: the configuration it had is kept, and the new one gets a version of its own."""
        asked = data or wire.UpdateJobRequest()
        job = await call.write(
            jobs.update,
            call.project_id,
            id_in(job_id),
            change=definitions.changed(asked, seal),
            name=asked.slug,
            enabled=asked.enabled,
            always=True,
            actor=call.actor,
            settings=settings,
        )
        return mapping.job_out(job, await slug_of(call))

    return [
        create_job,
        list_jobs,
        batch_create_jobs,
        batch_enable_jobs,
        batch_disable_jobs,
        get_job,
        update_job,
        delete_job,
        clone_job,
        get_job_health,
        list_job_versions,
        get_job_version,
    ]
