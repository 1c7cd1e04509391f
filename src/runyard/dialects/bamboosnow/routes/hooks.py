"""Deliveries of code hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.bamboosnow.house import House
from runyard.dialects.bamboosnow.mapping import hooks as mapping
from runyard.dialects.bamboosnow.mapping.values import wanted
from runyard.dialects.bamboosnow.wire import hooks as wire
from runyard.storage.port import Store
from runyard.web.github import Receiver


def handlers(house: House, store: Store) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""
    receiver = Receiver(store, house.vault)

    # Not in the document: those who call it are code hosts, by what their own documents say.
    @post("/hooks/github/{repository_id:str}", public=True, include_in_schema=False, status_code=200)
    async def receive_from_github(request: Request[Any, Any, Any], repository_id: str) -> wire.HookReply:
        """Take a delivery that is signed with the secret of the repository's hook."""
        return mapping.reply_out(await receiver.receive(request, wanted("repo", repository_id) or ""))

    return [receive_from_github]
