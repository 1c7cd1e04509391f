"""Repositories, and what their hosts tell of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Request, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import UNSET

from runyard.dialects.native.mapping import lenient_id
from runyard.dialects.native.mapping import repositories as mapping
from runyard.dialects.native.wire import Page
from runyard.dialects.native.wire import repositories as wire
from runyard.engine import folders, hooks, origins, repositories
from runyard.engine.repositories import PURPOSE
from runyard.settings import Settings
from runyard.storage.port import Store
from runyard.storage.vault import Vault
from runyard.web.call import Call
from runyard.web.github import Receiver
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply

Provider = Annotated[str | None, QueryParameter(max_length=32, description="Only those of this provider.")]
Search = Annotated[str | None, QueryParameter(max_length=255, description="Part of the full name, in any case.")]


@get("/v1/repositories", needs="runs:read")
async def list_repositories(
    call: Call, limit: Limit = 50, cursor: Cursor = None, provider: Provider = None, search: Search = None
) -> Page[wire.Repository]:
    """The repositories the project is connected to, newest first."""
    before = place(cursor, tuple[int, str])
    rows = await call.read(
        repositories.page, call.project_id, provider=provider, search=search, before=before, limit=limit + 1
    )
    shown, more = cut(rows, limit, lambda row: cursor_of(row.created_at, row.id))
    return Page(data=[mapping.repository_out(row) for row in shown], next_cursor=more)


@get("/v1/repositories/{repository_id:str}", needs="runs:read")
async def get_repository(call: Call, repository_id: str) -> wire.Repository:
    """A repository."""
    return mapping.repository_out(await call.read(repositories.get, call.project_id, lenient_id(repository_id)))


@delete("/v1/repositories/{repository_id:str}", needs="jobs:write", status_code=204)
async def disconnect_repository(call: Call, repository_id: str) -> None:
    """End the connection: runs keep naming the repository, and deliveries about it are taken no longer."""
    await call.write(repositories.disconnect, call.project_id, lenient_id(repository_id), actor=call.actor)


@delete("/v1/repositories/{repository_id:str}/hook", needs="jobs:write", status_code=204)
async def close_repository_hook(call: Call, repository_id: str) -> None:
    """Forget the hook's secret: no deliveries are taken until there is another."""
    await call.write(repositories.close_hook, call.project_id, lenient_id(repository_id), actor=call.actor)


@get("/v1/repositories/{repository_id:str}/deliveries", needs="runs:read")
async def list_repository_deliveries(
    call: Call, repository_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[wire.ReceivedDelivery]:
    """What the repository's host sent in the last 30 days, and what became of it, newest first."""
    before = place(cursor, tuple[int, str])
    wanted = lenient_id(repository_id)
    rows = await call.read(hooks.received, call.project_id, wanted, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.at, row.delivery))
    return Page(data=[mapping.delivery_out(row) for row in shown], next_cursor=more)


def handlers(store: Store, settings: Settings, vault: Vault) -> Sequence[HTTPRouteHandler]:
    """All operations on repositories."""
    receiver = Receiver(store, vault)

    def seal(secret: str) -> str:
        return vault.seal(secret, PURPOSE)

    @post("/v1/repositories", needs="jobs:write", status_code=201)
    async def connect_repository(call: Call, data: wire.RepositoryIn) -> Reply[wire.Repository]:
        """Connect the project to a repository, for agents to work on."""
        # Looks at the disk, which may be slow.
        new = await asyncio.to_thread(
            origins.asked,
            settings,
            provider=data.provider,
            full_name=data.full_name,
            url=data.url,
            path=data.path,
            default_branch=data.default_branch,
            description=data.description,
            private=data.private,
        )
        return await call.answer(mapping.repository_out, repositories.connect, call.project_id, new, actor=call.actor)

    @patch("/v1/repositories/{repository_id:str}", needs="jobs:write", status_code=200)
    async def update_repository(call: Call, repository_id: str, data: wire.RepositoryPatch) -> Reply[wire.Repository]:
        """Change what is said; a path is looked at anew."""
        one = await call.read(repositories.get, call.project_id, lenient_id(repository_id))
        folder = None
        if data.path is not UNSET:
            folder = await asyncio.to_thread(folders.find, settings.review_roots, one.full_name, data.path)
        return await call.answer(
            mapping.repository_out,
            repositories.update,
            call.project_id,
            one.id,
            mapping.change_in(data, folder),
            settings=settings,
            actor=call.actor,
        )

    @post("/v1/repositories/{repository_id:str}/hook", needs="jobs:write", status_code=201)
    async def rotate_repository_hook(call: Call, repository_id: str) -> wire.RepositoryHook:
        """Make a secret for deliveries of the repository's host; the one before is good no longer."""
        wanted = lenient_id(repository_id)
        done = await call.write(repositories.rotate_secret, call.project_id, wanted, seal, actor=call.actor)
        return mapping.hook_out(done)

    @post("/v1/hooks/github/{repository_id:str}", public=True, include_in_schema=False, status_code=200)
    async def receive_from_github(request: Request[Any, Any, Any], repository_id: str) -> wire.HookReply:
        """Take a delivery that is signed with the secret of the repository's hook."""
        return mapping.reply_out(await receiver.receive(request, lenient_id(repository_id)))

    return [
        list_repositories,
        connect_repository,
        get_repository,
        update_repository,
        disconnect_repository,
        rotate_repository_hook,
        close_repository_hook,
        list_repository_deliveries,
        receive_from_github,
    ]
