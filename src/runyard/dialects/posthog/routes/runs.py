"""Runs of a task: listed, made, read and changed (contract §4)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar import get, patch, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms, shown
from runyard.dialects.posthog.errors import Refused, action
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import runs as mapping
from runyard.dialects.posthog.mapping import values
from runyard.dialects.posthog.people import doer, is_agent, own, trusted
from runyard.dialects.posthog.wire.queries import Limit, Offset
from runyard.dialects.posthog.wire.runs import (
    PaginatedTaskRunList,
    SetOutputRequest,
    TaskRunCreate,
    TaskRunDetail,
    TaskRunUpdate,
)
from runyard.domain.errors import Forbidden
from runyard.domain.states import RunState
from runyard.engine.coding import changes, runs
from runyard.engine.coding import making as runs_making
from runyard.web.call import Call
from runyard.web.sandboxes import purpose

RUNS = "/api/projects/{project_id:str}/tasks/{task_id:str}/runs"
RUN = RUNS + "/{id:str}"
_json = msgspec.json.Encoder()


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @get(RUNS, needs="task:read", operation_id="tasks_runs_list", tags=["task-runs"])
    async def list_runs(
        call: Call, project_id: str, task_id: str, limit: Limit = None, offset: Offset = None
    ) -> PaginatedTaskRunList:
        """The task's runs, newest first."""
        query: bytes = call.request.scope["query_string"]
        skipped, most = values.place(query)
        page = await call.read(runs.page, call.project_id, own(task_id, "task"), offset=skipped, limit=most)
        following, before = values.around(shown.here(call), query, offset=skipped, limit=most, total=page.total)
        return PaginatedTaskRunList(
            count=page.total, next=following, previous=before, results=shown.runs(call, house, page.rows)
        )

    @post(
        RUNS,
        needs="task:write",
        operation_id="tasks_runs_create",
        tags=["task-runs"],
        status_code=201,
        body=TaskRunCreate,
    )
    async def create_run(call: Call, project_id: str, task_id: str) -> TaskRunDetail:
        """A record of a run; nothing is started by it."""
        task = own(task_id, "task")
        await call.read(runs.check_task, call.project_id, task)
        said = await forms.body(call, mapping.CREATE)
        with action():
            seen = await call.write(
                runs_making.create_in,
                call.project_id,
                task,
                mapping.new_run(said),
                doer(call, "runs"),
                state=mapping.first_state(said),
                trusted=trusted(call),
            )
        return shown.run(call, house, seen)

    @get(RUN, needs="task:read", operation_id="tasks_runs_retrieve", tags=["task-runs"])
    async def get_run(call: Call, project_id: str, task_id: str, id: str) -> TaskRunDetail:
        """One run."""
        seen = await call.read(runs.see, call.project_id, own(task_id, "task"), own(id, "run"))
        return shown.run(call, house, seen)

    @patch(RUN, needs="task:write", operation_id="tasks_runs_partial_update", tags=["task-runs"], body=TaskRunUpdate)
    async def change_run(call: Call, project_id: str, task_id: str, id: str) -> TaskRunDetail:
        """The run, changed; parts of its output and state are merged into them."""
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        said = await forms.body(call, mapping.UPDATE)
        wanted = mapping.change(said, trusted=trusted(call))
        if is_agent(call) and wanted.state in (RunState.DRAFT, RunState.QUEUED):
            # It could go on for ever in one sandbox after the other.
            raise Forbidden("an agent says how far its run is; a sandbox is asked for with a key")
        if wanted.trusted and isinstance(token := wanted.shared.pop(changes.CONNECT_TOKEN, None), str):
            wanted = msgspec.structs.replace(wanted, sealed=house.vault.seal(token, purpose(run)))
        seen = await call.write(changes.change, call.project_id, task, run, wanted, doer(call, "runs"))
        return shown.run(call, house, seen)

    @patch(
        RUN + "/set_output",
        needs="task:write",
        operation_id="tasks_runs_set_output_partial_update",
        tags=["task-runs"],
        body=SetOutputRequest,
    )
    async def set_output(call: Call, project_id: str, task_id: str, id: str) -> TaskRunDetail:
        """The run with another output."""
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        output = (await forms.body(call, mapping.OUTPUT))["output"]
        if not isinstance(output, dict):
            raise Refused("`output` must be an object")
        with action():
            text = _json.encode(output).decode()
            seen = await call.write(changes.set_output, call.project_id, task, run, text, doer(call, "runs"))
        return shown.run(call, house, seen)

    return [list_runs, create_run, get_run, change_run, set_output]
