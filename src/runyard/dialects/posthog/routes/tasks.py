"""Tasks: listed, made, read, changed, and put out of sight (contract §11)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms, shown
from runyard.dialects.posthog.errors import action
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import tasks as mapping
from runyard.dialects.posthog.mapping import values
from runyard.dialects.posthog.people import doer, own
from runyard.dialects.posthog.wire.queries import Limit, Number, Offset
from runyard.dialects.posthog.wire.tasks import PaginatedTaskList, Task, TaskWrite
from runyard.engine.coding import changing, deleting, listing, runs, showing
from runyard.web.call import Call
from runyard.web.talking import holder

TASKS = "/api/projects/{project_id:str}/tasks"
TASK = TASKS + "/{task_id:str}"


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @get(TASKS, needs="task:read", operation_id="tasks_list", tags=["tasks"])
    async def list_tasks(
        call: Call,
        project_id: str,
        limit: Limit = None,
        offset: Offset = None,
        origin_product: str | None = None,
        stage: str | None = None,
        organization: str | None = None,
        repository: str | None = None,
        created_by: Number = None,
        status: str | None = None,
        search: str | None = None,
    ) -> PaginatedTaskList:
        """The project's tasks, newest first."""
        wanted = mapping.wanted(forms.query(call, mapping.FILTERS))
        query: bytes = call.request.scope["query_string"]
        skipped, most = values.place(query)
        page = await call.read(listing.numbered, call.project_id, wanted, offset=skipped, limit=most)
        following, before = values.around(shown.here(call), query, offset=skipped, limit=most, total=page.total)
        return PaginatedTaskList(
            count=page.total, next=following, previous=before, results=shown.tasks(call, house, page.rows)
        )

    @post(TASKS, needs="task:write", operation_id="tasks_create", tags=["tasks"], status_code=201, body=TaskWrite)
    async def create_task(call: Call, project_id: str) -> Task:
        """A new task; nothing is started by it."""
        said = await forms.body(call, mapping.WRITE)
        new = mapping.new_task(said, holder(call))
        seen = await call.write(changing.create, call.project_id, new, doer(call, "create"))
        return shown.task(call, house, seen)

    @get(TASK, needs="task:read", operation_id="tasks_retrieve", tags=["tasks"])
    async def get_task(call: Call, project_id: str, task_id: str) -> Task:
        """One task."""
        return shown.task(call, house, await call.read(showing.see, call.project_id, own(task_id, "task")))

    @patch(TASK, needs="task:write", operation_id="tasks_partial_update", tags=["tasks"], body=TaskWrite)
    async def change_task(call: Call, project_id: str, task_id: str) -> Task:
        """The task, changed."""
        task = own(task_id, "task")
        await call.read(runs.check_task, call.project_id, task)
        wanted = mapping.change(await forms.body(call, mapping.WRITE))
        with action():
            seen = await call.write(changing.change, call.project_id, task, wanted, doer(call, "update"))
        return shown.task(call, house, seen)

    @delete(TASK, needs="task:write", operation_id="tasks_destroy", tags=["tasks"], status_code=204)
    async def delete_task(call: Call, project_id: str, task_id: str) -> None:
        """Put a task out of sight, with its runs; those under way are stopped."""
        with action():
            await call.write(deleting.delete, call.project_id, own(task_id, "task"), doer(call, "delete"))

    return [list_tasks, create_task, get_task, change_task, delete_task]
