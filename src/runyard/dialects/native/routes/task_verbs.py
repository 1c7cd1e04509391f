"""What is done to tasks: publish, start, approve, pause and cancel them, and let them wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import delete, get, post

from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import task_verbs as mapping
from runyard.dialects.native.mapping.tasks import task_id as id_in
from runyard.dialects.native.mapping.tasks import task_out
from runyard.dialects.native.mapping.values import maybe_text
from runyard.dialects.native.wire import task_verbs as wire
from runyard.dialects.native.wire.tasks import Task
from runyard.dialects.native.wire.values import Page
from runyard.domain.actors import Doer
from runyard.domain.tasks import TaskRun
from runyard.engine.tasks import asking, canceling, deciding, depending, details, pausing, views
from runyard.engine.tasks.asking import Wish
from runyard.storage.port import Tx
from runyard.web.call import Call
from runyard.web.reply import Reply

Ask = Callable[[Tx, int, str, Wish, Doer], TaskRun]


async def _ask(call: Call, task_id: str, data: wire.RunWish | None, ask: Ask, action: str) -> Reply[wire.AskedRun]:
    wish, by = mapping.wish_in(data), doer(call, action)
    return await call.answer(mapping.asked_out, asking.shown_after, ask, call.project_id, id_in(task_id), wish, by)


@post("/v1/tasks/{task_id:str}/publish", needs="task:write", status_code=201)
async def publish_task(call: Call, task_id: str, data: wire.RunWish | None = None) -> Reply[wire.AskedRun]:
    """Make a draft a task, and queue a run of it; asked again while that is open, it is the answer."""
    return await _ask(call, task_id, data, asking.publish, "publish")


@post("/v1/tasks/{task_id:str}/start", needs="task:write", status_code=201)
async def start_task(call: Call, task_id: str, data: wire.RunWish | None = None) -> Reply[wire.AskedRun]:
    """Queue a run of a task that nothing blocks; asked again while that is open, it is the answer."""
    return await _ask(call, task_id, data, asking.start, "start")


@post("/v1/tasks/{task_id:str}/runs", needs="task:write", status_code=201)
async def queue_task_run(call: Call, task_id: str, data: wire.RunWish | None = None) -> Reply[wire.AskedRun]:
    """Queue a run of a task, which no session is given while the task is blocked or paused."""
    return await _ask(call, task_id, data, asking.enqueue, "enqueue_run")


@post("/v1/tasks/{task_id:str}/approve", needs="task:write", status_code=201)
async def approve_task(call: Call, task_id: str, data: wire.RunWish | None = None) -> Reply[wire.AskedRun]:
    """Say yes to a task that waits for it, and queue a run; where none can be queued, nothing is decided."""
    return await _ask(call, task_id, data, deciding.approve, "approve")


@post("/v1/tasks/{task_id:str}/reject", needs="task:write", status_code=200)
async def reject_task(call: Call, task_id: str) -> Reply[Task]:
    """Say no to a task that waits for a yes; it stays blocked until its approval policy is changed."""
    by = doer(call, "reject")
    return await call.answer(task_out, views.seen_after, deciding.reject, call.project_id, id_in(task_id), by)


@post("/v1/tasks/{task_id:str}/pause", needs="task:write", status_code=200)
async def pause_task(call: Call, task_id: str, data: wire.PauseTaskIn) -> Reply[Task]:
    """Hand out nothing of a task and of those below it; what is worked on goes on."""
    force = mapping.pause_in(call.project_id, doer(call, "pause_task"), data)
    return await call.answer(task_out, views.seen_after, pausing.pause, id_in(task_id), force)


@post("/v1/tasks/{task_id:str}/resume", needs="task:write", status_code=200)
async def resume_task(call: Call, task_id: str, data: wire.ResumeTaskIn | None = None) -> Reply[Task]:
    """Lift a task's own pause; one of a task above stays."""
    force = mapping.resume_in(call.project_id, doer(call, "resume_task"), data)
    return await call.answer(task_out, views.seen_after, pausing.resume, id_in(task_id), force)


@post("/v1/tasks/{task_id:str}/cancel", needs="task:write", status_code=200)
async def cancel_task(call: Call, task_id: str, data: wire.CancelTaskIn | None = None) -> Reply[Task]:
    """Cancel a task with its run, and all below it that has not ended."""
    data = data or wire.CancelTaskIn()
    return await call.answer(
        task_out,
        views.seen_after,
        canceling.cancel,
        call.project_id,
        id_in(task_id),
        doer(call, "cancel"),
        reason=data.reason,
        metadata=maybe_text(data.metadata),
    )


@get("/v1/tasks/{task_id:str}/dependencies", needs="task:read")
async def list_task_dependencies(call: Call, task_id: str) -> Page[wire.TaskDependency]:
    """The tasks that a task waits for; there are 32 at most."""
    found = await call.read(details.waits, call.project_id, id_in(task_id))
    return Page(data=[mapping.dependency_out(one) for one in found], next_cursor=None)


@post("/v1/tasks/{task_id:str}/dependencies", needs="task:write", status_code=200)
async def add_task_dependency(call: Call, task_id: str, data: wire.TaskDependencyIn) -> Reply[Task]:
    """Let a task wait until another one is completed."""
    one, other, by = id_in(task_id), id_in(data.depends_on), doer(call, "add_dependency")
    return await call.answer(task_out, views.seen_after, depending.add, call.project_id, one, other, by)


@delete("/v1/tasks/{task_id:str}/dependencies/{depends_on:str}", needs="task:write", status_code=200)
async def remove_task_dependency(call: Call, task_id: str, depends_on: str) -> Reply[Task]:
    """Let a task wait for another one no longer; nothing else in the way, it is ready."""
    one, other, by = id_in(task_id), id_in(depends_on), doer(call, "remove_dependency")
    return await call.answer(task_out, views.seen_after, depending.remove, call.project_id, one, other, by)


HANDLERS: list[Any] = [
    publish_task,
    start_task,
    queue_task_run,
    approve_task,
    reject_task,
    pause_task,
    resume_task,
    cancel_task,
    list_task_dependencies,
    add_task_dependency,
    remove_task_dependency,
]
