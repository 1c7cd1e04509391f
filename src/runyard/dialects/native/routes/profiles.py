"""How a task's runs are to be done: who works, who judges, and in which surroundings."""

from __future__ import annotations

from litestar import delete, get, put

from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import profiles as mapping
from runyard.dialects.native.mapping.tasks import task_id as id_in
from runyard.dialects.native.wire import profiles as wire
from runyard.engine.tasks import profiles
from runyard.web.call import Call
from runyard.web.reply import Reply

PATH = "/v1/tasks/{task_id:str}/profile"


@get(PATH, needs="task:read")
async def get_task_profile(call: Call, task_id: str) -> wire.TaskProfile:
    """The task's profile, or what a task without one has."""
    return mapping.profile_out(await call.read(profiles.get, call.project_id, id_in(task_id)))


@put(PATH, needs="task:write", status_code=200)
async def put_task_profile(call: Call, task_id: str, data: wire.TaskProfileIn) -> Reply[wire.TaskProfile]:
    """Give the task this profile in place of any other; refused while somebody has a run of it."""
    by, profile = doer(call, "set_profile"), mapping.profile_in(data)
    return await call.answer(mapping.profile_out, profiles.put, call.project_id, id_in(task_id), profile, by)


@delete(PATH, needs="task:write", status_code=204)
async def delete_task_profile(call: Call, task_id: str) -> None:
    """Take the task's profile away; refused while somebody has a run of it."""
    await call.write(profiles.delete, call.project_id, id_in(task_id), doer(call, "delete_profile"))


HANDLERS = [get_task_profile, put_task_profile, delete_task_profile]
