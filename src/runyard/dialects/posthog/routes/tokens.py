"""Tokens for talking to the sandbox of a run (contract §7.7)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.people import own
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.tokens import ConnectionToken
from runyard.domain.coding import number_of
from runyard.engine.coding import runs
from runyard.web.call import Call
from runyard.web.sandboxes import mode_of
from runyard.web.talking import holder


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @get(
        RUN + "/connection_token",
        needs="task:read",
        operation_id="tasks_runs_connection_token_retrieve",
        tags=["task-runs"],
    )
    async def connection_token(call: Call, project_id: str, task_id: str, id: str) -> ConnectionToken:
        """A new token, good for a day; nothing of it is kept."""
        if call.identity.key is None:
            # An agent in a sandbox may read the other runs of its task, but not drive what works on them.
            call.require("task:write")
        seen = await call.read(runs.find, call.project_id, own(task_id, "task"), own(id, "run"))
        who = holder(call)
        return ConnectionToken(token=await house.signed.connection(seen, number_of(who), who, mode=mode_of(seen)))

    return [connection_token]
