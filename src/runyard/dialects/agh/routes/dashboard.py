"""How all tasks stand (contract §20)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import dashboard as mapping
from runyard.dialects.agh.wire import dashboard as wire
from runyard.engine import workspaces
from runyard.engine.tasks import dashboards
from runyard.web.call import Call


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""

    @get("/api/observe/tasks/dashboard", needs="task:read", tags=["observe"])
    async def get_task_dashboard(
        call: Call,
        kind: Annotated[str | None, QueryParameter(name="scope")] = None,
        workspace: str | None = None,
        owner_kind: str | None = None,
        owner_ref: str | None = None,
        network_channel: str | None = None,
        origin_kind: str | None = None,
    ) -> wire.DashboardAnswer:
        """How the tasks that meet every filter stand, and whether anything is wrong with their runs."""
        await people.doer(call, "dashboard")
        where, named = mapping.where_in(
            call.project_id,
            scope=kind,
            workspace=workspace,
            owner_kind=owner_kind,
            owner_ref=owner_ref,
            network_channel=network_channel,
            origin_kind=origin_kind,
        )
        if named is not None:
            workspace_id = await call.read(workspaces.resolve, call.project_id, named)
            where = msgspec.structs.replace(where, workspace_id=workspace_id)
        return mapping.answer_out(await call.read(dashboards.stats, where, since=house.started_at))

    return [get_task_dashboard]
