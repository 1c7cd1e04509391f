"""Jobs and their versions."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from runyard.dialects.native import mapping, wire
from runyard.domain.records import Job
from runyard.domain.slices import Slice
from runyard.engine import job_health, job_secrets, jobs
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply
from runyard.web.slugs import slug_of

Hours = Annotated[int, QueryParameter(ge=1, le=90 * 24, description="How far back to look.")]


@get("/v1/jobs", needs="runs:read")
async def list_jobs(call: Call, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Job]:
    """The project's jobs, newest first."""
    slug = await slug_of(call)
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(jobs.page, call.project_id, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return wire.Page(data=[mapping.job_out(row, slug) for row in shown], next_cursor=more)


@get("/v1/jobs/{wanted:str}", needs="runs:read")
async def get_job(call: Call, wanted: str) -> wire.Job:
    """A job by name or id."""
    return mapping.job_out(await call.read(jobs.get, call.project_id, wanted), await slug_of(call))


@delete("/v1/jobs/{wanted:str}", needs="jobs:write", status_code=204)
async def delete_job(call: Call, wanted: str, history: bool = False) -> None:
    """Drop a job none of whose runs is live; ended runs stay and keep its name, or go too with `history`."""
    await call.write(jobs.delete, call.project_id, wanted, history=history, actor=call.actor)


@get("/v1/jobs/{wanted:str}/versions", needs="runs:read")
async def list_job_versions(
    call: Call, wanted: str, limit: Limit = 50, cursor: Cursor = None
) -> wire.Page[wire.JobVersion]:
    """Every version the job ever had, newest first."""
    (before,) = place(cursor, tuple[int]) or (None,)
    rows = await call.read(jobs.versions, call.project_id, wanted, before=before, limit=limit + 1)
    found = Slice(rows=rows[:limit], more=rows[limit - 1].version if len(rows) > limit else None)
    return mapping.page(found, mapping.version_out)


@get("/v1/jobs/{wanted:str}/health", needs="runs:read")
async def get_job_health(call: Call, wanted: str, hours: Hours = 7 * 24) -> wire.JobHealth:
    """How the job's runs fared that ended lately."""
    window = hours * 3600 * mapping.SECOND
    return mapping.health_out(await call.read(job_health.health, call.project_id, wanted, window=window))


def handlers(settings: Settings, vault: Vault) -> list[HTTPRouteHandler]:
    """All operations on jobs themselves."""

    def seal(secret: str) -> str:
        return vault.seal(secret, job_secrets.SIGNING)

    @post("/v1/jobs", needs="jobs:write", status_code=201)
    async def create_job(call: Call, data: wire.JobIn) -> Reply[wire.Job]:
        """Make a job, version 1."""
        slug = await slug_of(call)
        spec = mapping.job_spec(data, seal)

        def shape(job: Job) -> wire.Job:
            return mapping.job_out(job, slug)

        return await call.answer(
            shape,
            jobs.create,
            call.project_id,
            name=data.name,
            spec=spec,
            enabled=data.enabled,
            actor=call.actor,
            settings=settings,
        )

    @patch("/v1/jobs/{wanted:str}", needs="jobs:write", status_code=200)
    async def update_job(call: Call, wanted: str, data: wire.JobPatch) -> Reply[wire.Job]:
        """Change a job; a change of its definition makes a new version."""
        slug = await slug_of(call)
        spec, policy = mapping.spec_in(data)

        def shape(job: Job) -> wire.Job:
            return mapping.job_out(job, slug)

        return await call.answer(
            shape,
            jobs.update,
            call.project_id,
            wanted,
            spec=spec,
            policy=policy,
            change=mapping.signed_in(data, seal),
            enabled=mapping.said_or_none(data.enabled),
            actor=call.actor,
            settings=settings,
        )

    return [create_job, list_jobs, get_job, update_job, delete_job, list_job_versions, get_job_health]
