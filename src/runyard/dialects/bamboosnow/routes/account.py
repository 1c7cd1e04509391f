"""The owner of the key, and API keys (contract §5)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import delete, get, post

from runyard.dialects.bamboosnow.auth import ADMIN, spoken
from runyard.dialects.bamboosnow.mapping import account as mapping
from runyard.dialects.bamboosnow.mapping import values
from runyard.dialects.bamboosnow.mapping.pages import page_out
from runyard.dialects.bamboosnow.wire import account as wire
from runyard.dialects.bamboosnow.wire.pages import Page
from runyard.domain.errors import Forbidden
from runyard.engine import keys, projects
from runyard.engine.keys import BAMBOOSNOW
from runyard.web.auth import Identity
from runyard.web.call import Call
from runyard.web.values import micros

TAGS = ["sdk"]


@get("/api/v1/users/me", needs="read", tags=TAGS)
async def sdk_users_me(call: Call) -> wire.User:
    """Whose key it is: its project."""
    return mapping.user_out(await call.read(projects.find, call.project_id), call.identity.key)


@get("/api/v1/api-keys", needs=ADMIN, tags=TAGS)
async def sdk_api_keys_list(call: Call, page: str | None = None, per_page: str | None = None) -> Page[wire.ApiKey]:
    """The project's keys that are not revoked, newest first, without their secrets."""
    place = values.place(page, per_page)
    found = await call.read(keys.numbered, call.project_id, offset=place.offset, limit=place.per_page)
    return page_out(place, found.rows, found.total, mapping.key_out)


@post("/api/v1/api-keys", needs=ADMIN, status_code=201, tags=TAGS)
async def sdk_api_keys_create(call: Call, data: wire.NewApiKey) -> wire.CreatedApiKey:
    """Make a key of the project. Its secret is in this answer and in no other one."""
    scopes: Sequence[str] = data.scopes or mapping.USUAL
    _may_give(call.identity, scopes)
    made = await call.write(
        keys.create,
        call.project_id,
        name=data.name,
        scopes=scopes,
        dialect="bamboosnow",
        expires_at=None if data.expires_at is None else micros(data.expires_at),
        actor=call.actor,
    )
    return mapping.created_out(made)


@get("/api/v1/api-keys/{key_id:str}", needs=ADMIN, tags=TAGS)
async def sdk_api_keys_get(call: Call, key_id: str) -> wire.ApiKey:
    """A key that is not revoked, without its secret."""
    return mapping.key_out(await call.read(keys.live, call.project_id, values.read("key", key_id)))


@delete("/api/v1/api-keys/{key_id:str}", needs=ADMIN, status_code=204, tags=TAGS)
async def sdk_api_keys_delete(call: Call, key_id: str) -> None:
    """End a key for good, the caller's own too."""
    await call.write(keys.end, call.project_id, values.read("key", key_id), actor=call.actor)


def _may_give(identity: Identity, scopes: Sequence[str]) -> None:
    """Make sure that a key with these scopes may do no more than who asks. Raises `Forbidden`."""
    meant = BAMBOOSNOW if ADMIN in scopes else spoken(scopes, "bamboosnow")
    beyond = sorted(meant - identity.scopes)
    if beyond:
        raise Forbidden(f"a key cannot give what it has not: {', '.join(beyond)}")


HANDLERS = [
    sdk_users_me,
    sdk_api_keys_list,
    sdk_api_keys_create,
    sdk_api_keys_get,
    sdk_api_keys_delete,
]
