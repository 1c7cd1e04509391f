"""Who owns the credential (contract §11)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping.users import user_out
from runyard.dialects.posthog.wire.users import UserBasic
from runyard.web.call import Call
from runyard.web.talking import holder


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""
    return [get_me]


@get("/api/users/@me", operation_id="users_me_retrieve", tags=["users"])
async def get_me(call: Call) -> UserBasic:
    """Who calls."""
    key = call.identity.key
    return user_out(holder(call), key.name if key is not None else None)
