"""Looking closely at a task or a run (contract §25)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping.inspection import inspect_out
from runyard.dialects.agh.mapping.values import read
from runyard.dialects.agh.wire import inspection as wire
from runyard.engine.tasks import inspecting
from runyard.web.call import Call


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [inspect_task, inspect_run]


@get("/api/tasks/{id:str}/inspect", needs="task:read", tags=["tasks"])
async def inspect_task(call: Call, id: str) -> wire.InspectAnswer:
    """Where a task stands, what is wrong with its latest run, and what it waits for."""
    await people.doer(call, "inspect")
    found = await call.read(inspecting.task, call.project_id, read("task", id, call.project_id))
    return inspect_out(found, "task")


@get("/api/runs/{id:str}/inspect", needs="task:read", tags=["runs"])
async def inspect_run(call: Call, id: str) -> wire.InspectAnswer:
    """Where a run stands, and what is wrong with it."""
    await people.doer(call, "inspect")
    return inspect_out(await call.read(inspecting.run, call.project_id, read("run", id)), "run")
