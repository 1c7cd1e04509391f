"""Tasks themselves: making, reading, changing and deleting them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import QueryParameter

from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import tasks as mapping
from runyard.dialects.native.mapping.task_runs import task_run_out
from runyard.dialects.native.mapping.values import lenient_id
from runyard.dialects.native.wire import tasks as wire
from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.dialects.native.wire.values import Page
from runyard.domain.tasks import TaskApproval, TaskStatus
from runyard.engine import workspaces
from runyard.engine.tasks import changing, deleting, details, listing, making, trees
from runyard.web.call import Call
from runyard.web.listed import Listed
from runyard.web.paging import Cursor, Limit, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply, encode

SLICE = 500
"""So many tasks of a tree are read and sent at once."""

Workspace = Annotated[str | None, QueryParameter(max_length=4096, description="Its id, name or root directory.")]
Least = Annotated[int, QueryParameter(ge=0, le=10, description="Only tasks of this priority or a higher one.")]
Drafts = Annotated[bool, QueryParameter(description="Drafts too, where no status is named.")]
Text = Annotated[
    str | None,
    QueryParameter(name="query", max_length=256, description="A part of the title or the identifier, in any case."),
]


@post("/v1/tasks", needs="task:write", status_code=201, refuses=(409,))
async def create_task(call: Call, data: wire.TaskIn) -> Reply[wire.Task]:
    """Make a task, below another where a parent is named. Nothing is queued by that."""
    return await call.answer(
        mapping.task_out,
        making.make_seen,
        call.project_id,
        mapping.new_in(data),
        doer(call, "create" if data.parent_id is None else "create_child"),
        parent_id=mapping.task_id(data.parent_id) if data.parent_id is not None else None,
        workspace=data.workspace,
    )


@get("/v1/tasks", needs="task:read")
async def list_tasks(
    call: Call,
    status: wire.Status | None = None,
    workspace: Workspace = None,
    parent: str | None = None,
    owner_kind: wire.OwnerKind | None = None,
    owner: str | None = None,
    channel: str | None = None,
    approval_state: wire.Decision | None = None,
    least_priority: Least = 0,
    include_drafts: Drafts = False,
    text: Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[wire.Task]:
    """The tasks that meet every filter given, the latest activity first.

    A page examines a bounded number of them: with a rare match it may hold fewer than `limit` and still have a
    `next_cursor`, with which the search goes on.
    """
    wanted = listing.Wanted(
        status=TaskStatus(status) if status is not None else None,
        parent_id=mapping.task_id(parent) if parent is not None else None,
        owner_kind=owner_kind,
        owner_ref=lenient_id(owner) if owner is not None and owner_kind == "agent_session" else owner,
        channel=channel,
        approval_state=TaskApproval(approval_state) if approval_state is not None else None,
        least_priority=least_priority,
        drafts=include_drafts,
        text=text,
    )
    if workspace is not None:
        workspace_id = await call.read(workspaces.resolve, call.project_id, workspace)
        wanted = msgspec.structs.replace(wanted, workspace_id=workspace_id)
    after = place(cursor, tuple[int, str])
    found = await call.read(
        listing.page, call.project_id, wanted, after=listing.Place(*after) if after is not None else None, limit=limit
    )
    more = cursor_of(*found.after) if found.after is not None else None
    return Page(data=[mapping.task_out(one.seen) for one in found.tasks], next_cursor=more)


@get("/v1/tasks/{task_id:str}", needs="task:read")
async def get_task(call: Call, task_id: str) -> wire.Task:
    """A task."""
    return mapping.task_out(await call.read(details.see, call.project_id, mapping.task_id(task_id)))


@patch("/v1/tasks/{task_id:str}", needs="task:write", status_code=200)
async def update_task(call: Call, task_id: str, data: wire.TaskPatch) -> Reply[wire.Task]:
    """Change what a task says of itself; its status and its queued run follow."""
    return await call.answer(
        mapping.task_out,
        changing.change_seen,
        call.project_id,
        mapping.task_id(task_id),
        mapping.change_in(data),
        doer(call, "update"),
    )


@delete("/v1/tasks/{task_id:str}", needs="task:write", status_code=204)
async def delete_task(call: Call, task_id: str) -> None:
    """Delete a task that has no children and no run under way, with its runs and everything else of it."""
    await call.write(deleting.delete, call.project_id, mapping.task_id(task_id), doer(call, "delete"))


@get("/v1/tasks/{task_id:str}/tree", needs="task:read")
async def get_task_tree(call: Call, task_id: str) -> Listed[wire.TaskTree]:
    """A task with all below it."""
    tree = await call.read(trees.of, call.project_id, mapping.task_id(task_id))
    head = b'{"root":' + encode(mapping.node_out(tree.root)) + b',"below":['
    return Listed("below", _nodes(call, tree), around=(head, b"]}"))


async def _nodes(call: Call, tree: trees.Tree) -> AsyncIterator[list[bytes]]:
    for start in range(0, len(tree.below), SLICE):
        found = await call.read(trees.nodes, tree.below[start : start + SLICE], at=tree.level)
        yield [encode(mapping.node_out(node)) for node in found]


@get("/v1/tasks/{task_id:str}/runs", needs="task:read")
async def list_task_runs(call: Call, task_id: str) -> Page[TaskRun]:
    """The runs of a task, the newest first; there are 10 at most."""
    found = await call.read(details.runs, call.project_id, mapping.task_id(task_id))
    return Page(data=[task_run_out(one) for one in found], next_cursor=None)


HANDLERS: list[Any] = [
    create_task,
    list_tasks,
    get_task,
    update_task,
    delete_task,
    get_task_tree,
    list_task_runs,
]
