"""Tasks themselves: making, reading, changing and deleting them (contract §6, §16, §23)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import details as mapping
from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.tasks import task_out
from runyard.dialects.agh.mapping.values import limit as limit_of
from runyard.dialects.agh.mapping.values import one_of, read, wanted
from runyard.dialects.agh.wire import details as wire
from runyard.dialects.agh.wire.queries import Flag, Number
from runyard.dialects.agh.wire.runs import RunsAnswer
from runyard.dialects.agh.wire.tasks import TaskAnswer
from runyard.domain.tasks import Stage, Task
from runyard.engine import workspaces
from runyard.engine.tasks import changing, deleting, details, listing, making, trees, views
from runyard.web.call import Call
from runyard.web.listed import Listed
from runyard.web.reply import encode

SLICE = 500
"""So many tasks are read and sent at once."""
STRETCH = 100_000
"""So many tasks are found at once: a list that is no longer is all of one instant."""


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [
        create_task,
        create_child_task,
        list_tasks,
        get_task,
        update_task,
        delete_task,
        get_task_tree,
        list_task_runs,
    ]


async def answer(call: Call, task: Task) -> TaskAnswer:
    """A task that was just written, with where its timeline stands now."""
    return TaskAnswer(task=task_out(await call.read(views.see_one, task)))


@post("/api/tasks", needs="task:write", status_code=201, tags=["tasks"], refuses=(409,))
async def create_task(call: Call, data: wire.CreateTaskRequest) -> TaskAnswer:
    """Make a task; nothing is queued by that."""
    by = await people.doer(call, "create")
    new, workspace = mapping.new_in(data, call.project_id)
    return await answer(call, await call.write(making.make, call.project_id, new, by, workspace=workspace))


@post("/api/tasks/{id:str}/children", needs="task:write", status_code=201, tags=["tasks"], refuses=(409,))
async def create_child_task(call: Call, id: str, data: wire.CreateTaskRequest) -> TaskAnswer:
    """Make a task below another."""
    by = await people.doer(call, "create_child")
    parent = read("task", id, call.project_id)
    new, workspace = mapping.new_in(data, call.project_id)
    return await answer(
        call, await call.write(making.make, call.project_id, new, by, parent_id=parent, workspace=workspace)
    )


@get("/api/tasks", needs="task:read", tags=["tasks"])
async def list_tasks(
    call: Call,
    kind: Annotated[str | None, QueryParameter(name="scope")] = None,
    workspace: str | None = None,
    status: str | None = None,
    priority: str | None = None,
    include_drafts: Flag = None,
    approval_state: str | None = None,
    owner_kind: str | None = None,
    owner_ref: str | None = None,
    parent_task_id: str | None = None,
    network_channel: str | None = None,
    text: Annotated[str | None, QueryParameter(name="query")] = None,
    limit: Number = None,
) -> Listed[wire.TasksAnswer]:
    """The tasks that meet every filter given, the latest activity first; all of them, unless told how many."""
    await people.doer(call, "list")
    asked, named = mapping.wanted_in(
        call.project_id,
        scope=kind,
        workspace=workspace,
        status=status,
        priority=priority,
        include_drafts=include_drafts,
        approval_state=approval_state,
        owner_kind=owner_kind,
        owner_ref=owner_ref,
        parent_task_id=parent_task_id,
        network_channel=network_channel,
        query=text,
    )
    most = limit_of(limit)
    if named is not None:
        workspace_id = await call.read(workspaces.resolve, call.project_id, named)
        asked = msgspec.structs.replace(asked, workspace_id=workspace_id)
    return Listed("tasks", _tasks(call, asked, most))


async def _tasks(call: Call, asked: listing.Wanted, most: int | None) -> AsyncIterator[list[bytes]]:
    place, left = None, most
    while left is None or left > 0:
        n = STRETCH if left is None else min(STRETCH, left)
        found = await call.read(listing.find, call.project_id, asked, after=place, limit=n)
        for start in range(0, len(found.ids), SLICE):
            tasks = await call.read(details.show_ids, found.ids[start : start + SLICE])
            yield [encode(mapping.listed_out(task)) for task in tasks]
        if found.after is None:
            return
        place = found.after
        left = None if left is None else left - len(found.ids)


@get("/api/tasks/{id:str}", needs="task:read", tags=["tasks"])
async def get_task(call: Call, id: str) -> wire.DetailAnswer:
    """A task with its children, runs and events; of these the newest 10,000, the timeline has them all."""
    await people.doer(call, "get")
    return mapping.detail_out(await call.read(details.of, call.project_id, read("task", id, call.project_id)))


@patch("/api/tasks/{id:str}", needs="task:write", status_code=200, tags=["tasks"], refuses=(409,))
async def update_task(call: Call, id: str, data: wire.UpdateTaskRequest) -> TaskAnswer:
    """Change what a task says of itself."""
    by = await people.doer(call, "update")
    task_id, change = read("task", id, call.project_id), mapping.change_in(data, call.project_id)
    return await answer(call, await call.write(changing.change, call.project_id, task_id, change, by))


@delete("/api/tasks/{id:str}", needs="task:write", status_code=204, tags=["tasks"])
async def delete_task(call: Call, id: str) -> None:
    """Delete a task that has no children and no open run, with everything of it."""
    by = await people.doer(call, "delete")
    await call.write(deleting.delete, call.project_id, read("task", id, call.project_id), by)


@get("/api/tasks/{id:str}/tree", needs="task:read", tags=["tasks"])
async def get_task_tree(call: Call, id: str) -> Listed[wire.TreeAnswer]:
    """A task with all below it: by depth, then the latest activity first, then by id."""
    await people.doer(call, "tree")
    tree = await call.read(trees.of, call.project_id, read("task", id, call.project_id))
    head, tail = b'{"tree":{"root":' + encode(mapping.node_out(tree.root)), b"}}"
    around = (head + b',"descendants":[', b"]" + tail) if tree.below else (head, tail)
    return Listed("tree", _nodes(call, tree), around=around)


async def _nodes(call: Call, tree: trees.Tree) -> AsyncIterator[list[bytes]]:
    for start in range(0, len(tree.below), SLICE):
        found = await call.read(trees.nodes, tree.below[start : start + SLICE], at=tree.level)
        yield [encode(mapping.node_out(node)) for node in found]


@get("/api/tasks/{id:str}/runs", needs="task:read", tags=["tasks"])
async def list_task_runs(
    call: Call, id: str, status: str | None = None, session_id: str | None = None, limit: Number = None
) -> RunsAnswer:
    """The runs of a task, the newest first."""
    await people.doer(call, "list_runs")
    stage = one_of("status", status, tuple(Stage))
    found = await call.read(
        details.runs,
        call.project_id,
        read("task", id, call.project_id),
        stage=Stage(stage) if stage is not None else None,
        session_id=wanted("sess", session_id),
        limit=limit_of(limit),
    )
    return RunsAnswer(runs=[run_out(one) for one in found])
