"""How a task's runs are to be done (contract §18)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import delete, get, put
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import profiles as mapping
from runyard.dialects.agh.mapping.values import read
from runyard.dialects.agh.wire import profiles as wire
from runyard.engine.tasks import profiles
from runyard.web.call import Call

PATH = "/api/tasks/{id:str}/execution-profile"
TAGS = ["tasks"]


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [get_task_execution_profile, set_task_execution_profile, delete_task_execution_profile]


@get(PATH, needs="task:read", tags=TAGS)
async def get_task_execution_profile(call: Call, id: str) -> wire.ProfileAnswer:
    """The task's profile, or what a task without one has."""
    await people.doer(call, "get_profile")
    task_id = read("task", id, call.project_id)
    return mapping.profile_out(await call.read(profiles.get, call.project_id, task_id))


@put(PATH, needs="task:write", status_code=200, tags=TAGS)
async def set_task_execution_profile(call: Call, id: str, data: wire.ProfileRequest) -> wire.ProfileAnswer:
    """Give the task this profile in place of any other."""
    by = await people.doer(call, "set_profile")
    task_id = read("task", id, call.project_id)
    profile = mapping.profile_in(task_id, data, call.project_id)
    return mapping.profile_out(await call.write(profiles.put, call.project_id, task_id, profile, by))


@delete(PATH, needs="task:write", status_code=204, tags=TAGS)
async def delete_task_execution_profile(call: Call, id: str) -> None:
    """Take the task's profile away."""
    by = await people.doer(call, "delete_profile")
    await call.write(profiles.delete, call.project_id, read("task", id, call.project_id), by)
