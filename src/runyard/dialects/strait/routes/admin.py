"""API keys and projects (contract §24)."""

from __future__ import annotations

from litestar import delete, get, post

from runyard.dialects.strait.auth import INTERNAL, may_grant
from runyard.dialects.strait.lists import enveloped
from runyard.dialects.strait.mapping import admin as mapping
from runyard.dialects.strait.mapping import values
from runyard.dialects.strait.slugs import own_project, slug_of
from runyard.dialects.strait.wire import Paginated, StatusOk
from runyard.dialects.strait.wire import admin as wire
from runyard.domain.errors import AlreadyExists, Invalid, NotFound
from runyard.domain.projects import ProjectSettings
from runyard.domain.records import Project
from runyard.engine import keys, projects
from runyard.web.call import Call
from runyard.web.reply import Reply


@post("/v1/api-keys", needs="api-keys:manage", status_code=201, tags=["APIKeys"])
async def create_api_key(call: Call, data: wire.CreateAPIKeyRequest) -> wire.CreateAPIKeyResponse:
    """Make a key. Its secret is in this answer and in no other one."""
    number = await own_project(call, data.project_id)
    may_grant(call.identity, data.scopes or [])
    days = data.expires_in_days
    made = await call.write(
        keys.create,
        number,
        name=data.name,
        scopes=data.scopes or [],
        dialect="strait",
        expires_at=None if days is None else call.store.now() + days * mapping.DAY,
        actor=call.actor,
    )
    return mapping.new_key_out(made, data.project_id or await slug_of(call))


@get("/v1/api-keys", needs="api-keys:manage", tags=["APIKeys"])
async def list_api_keys(
    call: Call, project_id: str | None = None, limit: str | None = None, cursor: str | None = None
) -> Reply[Paginated[wire.APIKey]]:
    """The project's keys, newest first, without their secrets."""
    number, n = await own_project(call, project_id), values.limit_in(limit)
    at = values.place(cursor)
    before = None if at is None else (at[0], at[1] or "")
    rows = await call.read(keys.page_by_time, number, before=before, limit=n + 1, admins=call.may(INTERNAL))
    shown, more = values.shown(rows, n, lambda key: (key.created_at, key.id))
    slug = project_id or await slug_of(call)
    return enveloped([mapping.key_out(key, slug) for key in shown], more)


@delete("/v1/api-keys/{key_id:str}", needs="api-keys:manage", status_code=200, tags=["APIKeys"])
async def revoke_api_key(call: Call, key_id: str) -> StatusOk:
    """End a key for good."""
    wanted = values.lenient_id(key_id)
    await call.write(keys.revoke, call.project_id, wanted, actor=call.actor, admins=call.may(INTERNAL))
    return StatusOk(status="revoked")


@post("/v1/api-keys/{key_id:str}/rotate", needs="api-keys:manage", status_code=201, tags=["APIKeys"])
async def rotate_api_key(
    call: Call, key_id: str, data: wire.RotateAPIKeyRequest | None = None
) -> wire.RotateAPIKeyResponse:
    """Make a key in the place of another, which stays good for a grace period (60 minutes unless said otherwise)."""
    asked = None if data is None else data.grace_period_minutes
    minutes = mapping.GRACE if asked is None else asked
    wanted, admins = values.lenient_id(key_id), call.may(INTERNAL)
    old = await call.read(keys.get, call.project_id, wanted, admins=admins)
    may_grant(call.identity, old.scopes, old.dialect)
    done = await call.write(
        keys.rotate, call.project_id, wanted, grace=minutes * mapping.MINUTE, actor=call.actor, admins=admins
    )
    return mapping.rotation_out(done, await slug_of(call))


@post("/v1/projects", needs=INTERNAL, status_code=201, tags=["Projects"])
async def create_project(call: Call, data: wire.CreateProjectRequest) -> wire.Project:
    """Make a project; only the internal secret may."""
    settings = ProjectSettings(organization=data.org_id)
    try:
        made = await call.write(projects.create, slug=data.id, name=data.name, settings=settings)
    except AlreadyExists as taken:  # the contract has no conflict here
        raise Invalid(taken.detail) from None
    return mapping.project_out(made)


@get("/v1/projects", needs=INTERNAL, tags=["Projects"])
async def list_projects(call: Call, org_id: str | None = None) -> list[wire.Project]:
    """The projects of an organization, newest first; only the internal secret may ask."""
    if not org_id:
        raise Invalid("org_id is required: whose projects to list")
    return [mapping.project_out(one) for one in await call.read(projects.of_organization, org_id)]


@get("/v1/projects/{project_id:str}", needs="projects:read", tags=["Projects"])
async def get_project(call: Call, project_id: str) -> wire.Project:
    """A project: the key's own, or for the internal secret any."""
    return mapping.project_out(await _visible(call, project_id))


@delete("/v1/projects/{project_id:str}", needs="projects:manage", status_code=204, tags=["Projects"])
async def delete_project(call: Call, project_id: str) -> None:
    """Delete a project none of whose runs is live; its keys end at once, and everything of it goes."""
    project = await _visible(call, project_id)
    await call.write(projects.delete, project.id, actor=call.actor)


async def _visible(call: Call, wanted: str) -> Project:
    if not call.may(INTERNAL) and wanted != await slug_of(call):
        raise NotFound(f"there is no project {wanted[:128]!r} for this key")
    return await call.read(projects.find, wanted)


HANDLERS = [
    create_api_key,
    list_api_keys,
    revoke_api_key,
    rotate_api_key,
    create_project,
    list_projects,
    get_project,
    delete_project,
]
