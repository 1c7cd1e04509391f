"""Projects and keys."""

from __future__ import annotations

import time
from typing import Literal

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler

from runyard import __version__
from runyard.dialects.native import mapping, wire
from runyard.domain.errors import Forbidden
from runyard.domain.projects import ProjectSettings
from runyard.domain.records import Project
from runyard.engine import keys, projects
from runyard.settings import Settings
from runyard.storage import migrate
from runyard.storage.port import Tx
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply
from runyard.web.slugs import slug_of


def _wanted(text: str) -> int | str:
    """A project's number or slug."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else text


@post("/v1/projects", needs="admin", status_code=201)
async def create_project(call: Call, data: wire.ProjectIn) -> Reply[wire.Project]:
    """Make a project."""
    settings = ProjectSettings(**mapping.settings_in(data.settings))
    return await call.answer(mapping.project_out, projects.create, slug=data.slug, name=data.name, settings=settings)


@get("/v1/projects", needs="runs:read")
async def list_projects(call: Call, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Project]:
    """All projects for an admin key, newest first; for any other its own."""
    if not call.may("admin"):
        return wire.Page(data=[mapping.project_out(await call.read(projects.find, call.project_id))])
    (before,) = place(cursor, tuple[int]) or (None,)
    rows = await call.read(projects.page, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return wire.Page(data=[mapping.project_out(row) for row in shown], next_cursor=more)


@get("/v1/projects/{wanted:str}", needs="runs:read")
async def get_project(call: Call, wanted: str) -> wire.Project:
    """A project by number or slug."""
    return mapping.project_out(await call.read(_visible, _wanted(wanted), call.project_id, call.may("admin")))


@patch("/v1/projects/{wanted:str}", needs="admin", status_code=200)
async def update_project(call: Call, wanted: str, data: wire.ProjectPatch) -> Reply[wire.Project]:
    """Change a project's name and settings."""
    project = await call.read(projects.find, _wanted(wanted))
    return await call.answer(
        mapping.project_out,
        projects.update,
        project.id,
        name=mapping.said_or_none(data.name),
        settings=mapping.settings_in(data.settings),
        actor=call.actor,
    )


@delete("/v1/projects/{wanted:str}", needs="admin", status_code=204)
async def delete_project(call: Call, wanted: str) -> None:
    """Delete a project none of whose runs is live: its keys end at once, everything of it goes in slices."""
    project = await call.read(projects.find, _wanted(wanted))
    await call.write(projects.delete, project.id, actor=call.actor)


def _visible(tx: Tx, wanted: int | str, own: int, everything: bool) -> Project:
    project = projects.find(tx, wanted)
    if project.id != own and not everything:
        return projects.find(tx, -1)
    return project


@post("/v1/keys", needs="admin", status_code=201)
async def create_key(call: Call, data: wire.KeyIn) -> wire.Key:
    """Make a key. The key is in this answer and in no other one."""
    if data.project is None:
        project = await call.read(projects.find, call.project_id)
    else:
        project = await call.read(projects.find, _wanted(str(data.project)))
    made = await call.write(
        keys.create,
        project.id,
        name=data.name,
        scopes=data.scopes,
        dialect=data.dialect,
        expires_at=mapping.maybe_micros(data.expires_at),
        actor=call.actor,
    )
    return mapping.key_out(made.key, project.slug if made.key.project_id == project.id else "default", made.secret)


@get("/v1/keys", needs="admin")
async def list_keys(call: Call, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Key]:
    """The project's keys, newest first, without their secrets."""
    slug = await slug_of(call)
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(keys.page, call.project_id, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return wire.Page(data=[mapping.key_out(row, slug) for row in shown], next_cursor=more)


@get("/v1/keys/{key_id:str}")
async def get_key(call: Call, key_id: str) -> wire.Key:
    """A key; `self` is the one the request came with."""
    if key_id == "self" and call.identity.key is not None:
        return mapping.key_out(call.identity.key, await slug_of(call))
    call.require("admin")
    return mapping.key_out(await call.read(keys.get, call.project_id, key_id), await slug_of(call))


@delete("/v1/keys/{key_id:str}", needs="admin", status_code=200)
async def revoke_key(call: Call, key_id: str) -> wire.Key:
    """End a key for good."""
    if call.identity.key is not None and key_id == call.identity.key.id:
        raise Forbidden("a key cannot revoke itself; use another admin key")
    revoked = await call.write(keys.revoke, call.project_id, key_id, actor=call.actor)
    return mapping.key_out(revoked, await slug_of(call))


@post("/v1/keys/{key_id:str}/rotate", needs="admin", status_code=201)
async def rotate_key(call: Call, key_id: str, data: wire.RotateIn | None = None) -> wire.Key:
    """Make a key in the place of another, which stays good for a grace period. The new key is in no other answer."""
    grace = mapping.span((data or wire.RotateIn()).grace_seconds)
    done = await call.write(keys.rotate, call.project_id, key_id, grace=grace, actor=call.actor)
    return mapping.key_out(done.new.key, await slug_of(call), done.new.secret)


def info(settings: Settings, started: float) -> HTTPRouteHandler:
    """The route that tells what server this is."""
    name: Literal["sqlite", "postgres"] = "sqlite" if settings.database is None else "postgres"
    schema = max(one.number for one in migrate.available(name))

    @get("/v1/admin/info", needs="runs:read", sync_to_thread=False)
    def server_info() -> wire.ServerInfo:
        """Version, database and age of the server that answers."""
        return wire.ServerInfo(
            version=__version__, engine=name, schema=schema, uptime_seconds=round(time.monotonic() - started, 3)
        )

    return server_info


HANDLERS = [
    create_project,
    list_projects,
    get_project,
    update_project,
    delete_project,
    create_key,
    list_keys,
    get_key,
    revoke_key,
    rotate_key,
]
