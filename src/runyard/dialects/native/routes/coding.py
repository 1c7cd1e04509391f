"""Coding tasks and their runs."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from runyard.dialects.native import mapping as native
from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import coding as mapping
from runyard.dialects.native.mapping.tasks import task_id as id_in
from runyard.dialects.native.routes.queries import State, states_in
from runyard.dialects.native.wire import coding as wire
from runyard.dialects.native.wire.values import Page
from runyard.engine.coding import changes, changing, deleting, launching, listing, named, runs, showing
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply

TASKS = "/v1/coding-tasks"
TASK = TASKS + "/{task_id:str}"
RUN = "/v1/coding-runs/{run_id:str}"
Repository = Annotated[str | None, QueryParameter(max_length=255, description="`owner/name`, or the name alone.")]
Stage = Annotated[str | None, QueryParameter(max_length=100, description="Any run of the task has it.")]
Text = Annotated[
    str | None,
    QueryParameter(name="query", max_length=256, description="A part of the title or the description, in any case."),
]


@get(TASKS, needs="task:read")
async def list_coding_tasks(
    call: Call,
    product: str | None = None,
    repository: Repository = None,
    stage: Stage = None,
    in_state: State = None,
    text: Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[wire.CodingTask]:
    """The coding tasks that meet every filter given, newest first; states are those of the latest run.

    With a `query` a page examines a bounded number of them: it may hold fewer than `limit` and still have a
    `next_cursor`, with which the search goes on.
    """
    of_latest = states_in(in_state)
    wanted = listing.Wanted(
        product=product,
        repository=repository,
        stage=stage,
        states=frozenset(of_latest) if of_latest is not None else None,
        text=text or None,
    )
    after = place(cursor, tuple[int, str])
    found = await call.read(
        listing.page, call.project_id, wanted, after=listing.Place(*after) if after is not None else None, limit=limit
    )
    more = cursor_of(*found.after) if found.after is not None else None
    return Page(data=[mapping.task_out(seen) for seen in found.rows], next_cursor=more)


@post(TASKS, needs="task:write", status_code=201)
async def create_coding_task(call: Call, data: wire.CodingTaskIn) -> Reply[wire.CodingTask]:
    """Make a coding task. Nothing is started by that."""
    key = call.identity.key
    new = mapping.new_task(data, key.id if key is not None else None)
    return await call.answer(mapping.task_out, changing.create, call.project_id, new, doer(call, "create"))


@get(TASK, needs="task:read")
async def get_coding_task(call: Call, task_id: str) -> wire.CodingTask:
    """A coding task, or any other task as one."""
    return mapping.task_out(await call.read(showing.see, call.project_id, id_in(task_id)))


@patch(TASK, needs="task:write", status_code=200)
async def update_coding_task(call: Call, task_id: str, data: wire.CodingTaskPatch) -> Reply[wire.CodingTask]:
    """Change what a coding task says of itself."""
    wanted, by = mapping.task_change(data), doer(call, "update")
    return await call.answer(mapping.task_out, changing.change, call.project_id, id_in(task_id), wanted, by)


@delete(TASK, needs="task:write", status_code=204, refuses=(409,))
async def delete_coding_task(call: Call, task_id: str) -> None:
    """Put a coding task out of sight, with its runs; those under way are canceled. As a task it stays to be seen."""
    await call.write(deleting.delete, call.project_id, id_in(task_id), doer(call, "delete"))


@post(TASK + "/runs", needs="task:write", status_code=201, refuses=(409,))
async def create_coding_run(call: Call, task_id: str, data: wire.CodingRunIn | None = None) -> Reply[wire.CodingRun]:
    """Make a run of a coding task, queued for a sandbox where nothing else is said."""
    asked = data or wire.CodingRunIn()
    return await call.answer(
        mapping.run_out,
        launching.launch_run,
        call.project_id,
        id_in(task_id),
        mapping.new_run(asked),
        doer(call, "run"),
        resume_from=mapping.resumed(asked),
    )


@get(TASK + "/runs", needs="task:read")
async def list_coding_runs(call: Call, task_id: str, limit: Limit = 50, cursor: Cursor = None) -> Page[wire.CodingRun]:
    """The runs of a coding task, newest first."""
    (before,) = place(cursor, tuple[int]) or (None,)
    rows = await call.read(runs.before, call.project_id, id_in(task_id), before=before, limit=limit)
    more = cursor_of(rows[-1].row.number) if len(rows) == limit and rows[-1].row.number > 1 else None
    return Page(data=[mapping.run_out(seen) for seen in rows], next_cursor=more)


@get(RUN, needs="task:read")
async def get_coding_run(call: Call, run_id: str) -> wire.CodingRun:
    """What stands beside a run of a coding task."""
    return mapping.run_out(await call.read(named.see, call.project_id, native.run_id(run_id)))


@patch(RUN, needs="task:write", status_code=200)
async def update_coding_run(call: Call, run_id: str, data: wire.CodingRunPatch) -> Reply[wire.CodingRun]:
    """Change what is said of a run; what its sandbox is, only an admin may say."""
    wanted = mapping.run_change(data, trusted=call.may("admin"))
    run, by = native.run_id(run_id), doer(call, "runs")
    return await call.answer(mapping.run_out, named.do, changes.change, call.project_id, run, wanted, by)


@post(RUN + "/start", needs="task:write", status_code=200, refuses=(409,))
async def start_coding_run(call: Call, run_id: str, data: wire.CodingRunStart | None = None) -> Reply[wire.CodingRun]:
    """Queue a run that is a draft for its sandbox."""
    shared = mapping.members((data or wire.CodingRunStart()).shared)
    run, by = native.run_id(run_id), doer(call, "start")
    return await call.answer(mapping.run_out, named.do, launching.start_run, call.project_id, run, shared, by)


@post(RUN + "/reopen", needs="task:write", status_code=200, refuses=(409,))
async def reopen_coding_run(call: Call, run_id: str) -> Reply[wire.CodingRun]:
    """Begin a run anew in another sandbox: one that has ended, or that somebody works on outside."""
    run, by = native.run_id(run_id), doer(call, "resume")
    return await call.answer(mapping.run_out, named.do, launching.reopen, call.project_id, run, by)


HANDLERS: list[HTTPRouteHandler] = [
    list_coding_tasks,
    create_coding_task,
    get_coding_task,
    update_coding_task,
    delete_coding_task,
    create_coding_run,
    list_coding_runs,
    get_coding_run,
    update_coding_run,
    start_coding_run,
    reopen_coding_run,
]
