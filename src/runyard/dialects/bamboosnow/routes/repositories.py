"""Repositories (contract §5)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.bamboosnow.house import House
from runyard.dialects.bamboosnow.mapping import repositories as mapping
from runyard.dialects.bamboosnow.mapping import values
from runyard.dialects.bamboosnow.mapping.pages import page_out
from runyard.dialects.bamboosnow.wire import repositories as wire
from runyard.dialects.bamboosnow.wire.pages import Page
from runyard.engine import origins, repositories
from runyard.web.call import Call
from runyard.web.reply import Reply

TAGS = ["sdk"]


@get("/api/v1/repositories", needs="read", tags=TAGS)
async def sdk_repositories_list(
    call: Call,
    page: str | None = None,
    per_page: str | None = None,
    provider: str | None = None,
    search: str | None = None,
) -> Page[wire.Repository]:
    """The repositories the project is connected to, newest first; `search` is part of the full name, in any case."""
    place = values.place(page, per_page)
    found = await call.read(
        repositories.numbered,
        call.project_id,
        provider=provider or None,
        search=search,
        offset=place.offset,
        limit=place.per_page,
    )
    return page_out(place, found.rows, found.total, mapping.repository_out)


@get("/api/v1/repositories/{repository_id:str}", needs="read", tags=TAGS)
async def sdk_repositories_get(call: Call, repository_id: str) -> wire.Repository:
    """A repository."""
    one = await call.read(repositories.get, call.project_id, values.read("repo", repository_id))
    return mapping.repository_out(one)


@delete("/api/v1/repositories/{repository_id:str}", needs="repositories:manage", status_code=204, tags=TAGS)
async def sdk_repositories_disconnect(call: Call, repository_id: str) -> None:
    """End the connection; runs keep naming the repository."""
    wanted = values.read("repo", repository_id)
    await call.write(repositories.disconnect, call.project_id, wanted, actor=call.actor)


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @post("/api/v1/repositories", needs="repositories:manage", status_code=201, tags=TAGS)
    async def sdk_repositories_connect(call: Call, data: wire.Connect) -> Reply[wire.Repository]:
        """Connect the project to a repository of a known host, or (provider `local`) below the allowed folders."""
        # Looks at the disk, which may be slow.
        new = await asyncio.to_thread(origins.asked, house.settings, provider=data.provider, full_name=data.full_name)
        return await call.answer(mapping.repository_out, repositories.connect, call.project_id, new, actor=call.actor)

    return [
        sdk_repositories_list,
        sdk_repositories_connect,
        sdk_repositories_get,
        sdk_repositories_disconnect,
    ]
