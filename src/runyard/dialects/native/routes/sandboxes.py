"""Sandboxes: what agents work in now."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native.mapping.sandboxes import sandboxes_out
from runyard.dialects.native.wire.sandboxes import Sandboxes
from runyard.engine.coding import sandboxes
from runyard.settings import Settings
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, place


def handlers(settings: Settings) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @get("/v1/sandboxes", needs="runs:read")
    async def list_sandboxes(call: Call, limit: Limit = 50, cursor: Cursor = None) -> Sandboxes:
        """The project's runs that have a sandbox now, the oldest runs first, and how this server shuts them in."""
        (after,) = place(cursor, tuple[str]) or ("",)
        found = await call.read(sandboxes.listed, call.project_id, after=after, limit=limit)
        return sandboxes_out(found, settings)

    return [list_sandboxes]
