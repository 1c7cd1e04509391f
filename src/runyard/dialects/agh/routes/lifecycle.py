"""What is done to tasks: publish, start, approve, pause, cancel, and what they depend on (contract §6, §12–§15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litestar import delete, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import details as details_mapping
from runyard.dialects.agh.mapping import lifecycle as mapping
from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.tasks import task_out
from runyard.dialects.agh.mapping.values import given, read, trimmed
from runyard.dialects.agh.wire import lifecycle as wire
from runyard.dialects.agh.wire.details import DetailAnswer
from runyard.dialects.agh.wire.runs import RunAnswer
from runyard.dialects.agh.wire.tasks import TaskAnswer
from runyard.domain.actors import Doer
from runyard.domain.tasks import Task, TaskRun
from runyard.engine.tasks import asking, canceling, deciding, depending, details, pausing, views
from runyard.engine.tasks.asking import Shown, Wish
from runyard.storage.port import Tx
from runyard.web.call import Call

TAGS = ["tasks"]
Ask = Callable[[Tx, int, str, Wish, Doer], TaskRun]


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    agents_may = house.settings.agents_may_force

    @post("/api/tasks/{id:str}/pause", needs="task:write", status_code=200, tags=TAGS, refuses=(409, 422, 429))
    async def pause_task(call: Call, id: str, data: wire.ReasonMetadataRequest) -> TaskAnswer:
        """Hand out nothing of a task and of those below it; what is worked on goes on."""
        by = await people.doer(call, "pause_task")
        force = mapping.force_in(call.project_id, by, data, agents_may=agents_may)
        return await _answer(call, await call.write(pausing.pause, read("task", id, call.project_id), force))

    @post("/api/tasks/{id:str}/resume", needs="task:write", status_code=200, tags=TAGS, refuses=(409, 422, 429))
    async def resume_task(call: Call, id: str, data: wire.MetadataRequest | None = None) -> TaskAnswer:
        """Lift a task's own pause; one of a task above stays."""
        by = await people.doer(call, "resume_task")
        force = mapping.force_in(call.project_id, by, data, agents_may=agents_may)
        return await _answer(call, await call.write(pausing.resume, read("task", id, call.project_id), force))

    return [
        publish_task,
        start_task,
        enqueue_task_run,
        approve_task,
        reject_task,
        cancel_task,
        pause_task,
        resume_task,
        add_task_dependency,
        remove_task_dependency,
    ]


async def _answer(call: Call, task: Task) -> TaskAnswer:
    """A task that was just written, with where its timeline stands now."""
    return TaskAnswer(task=task_out(await call.read(views.see_one, task)))


async def _ask(call: Call, id: str, data: wire.TaskExecutionRequest | None, ask: Ask, action: str) -> Shown:
    """The run that is asked for, and its task, as they stand then."""
    by = await people.doer(call, action)
    row = await call.write(ask, call.project_id, read("task", id, call.project_id), mapping.wish_in(data), by)
    return await call.read(asking.show, call.project_id, row)


@post("/api/tasks/{id:str}/publish", needs="task:write", status_code=200, tags=TAGS, refuses=(409, 422))
async def publish_task(call: Call, id: str, data: wire.TaskExecutionRequest | None = None) -> wire.ExecutionAnswer:
    """Make a draft a task, and queue a run of it."""
    return mapping.execution_out(await _ask(call, id, data, asking.publish, "publish"))


@post("/api/tasks/{id:str}/start", needs="task:write", status_code=201, tags=TAGS, refuses=(409, 422))
async def start_task(call: Call, id: str, data: wire.TaskExecutionRequest | None = None) -> wire.ExecutionAnswer:
    """Queue a run of a task that nothing blocks."""
    return mapping.execution_out(await _ask(call, id, data, asking.start, "start"))


@post("/api/tasks/{id:str}/runs", needs="task:write", status_code=201, tags=TAGS, refuses=(409, 422))
async def enqueue_task_run(call: Call, id: str, data: wire.TaskExecutionRequest | None = None) -> RunAnswer:
    """Queue a run of a task, which nobody is given while the task is blocked or paused."""
    shown = await _ask(call, id, data, asking.enqueue, "enqueue_run")
    return RunAnswer(run=run_out(shown.run))


@post("/api/tasks/{id:str}/approve", needs="task:write", status_code=201, tags=TAGS, refuses=(409, 422))
async def approve_task(call: Call, id: str, data: wire.TaskExecutionRequest | None = None) -> wire.ExecutionAnswer:
    """Say yes to a task that waits for it, and queue a run."""
    return mapping.execution_out(await _ask(call, id, data, deciding.approve, "approve"))


@post("/api/tasks/{id:str}/reject", needs="task:write", status_code=200, tags=TAGS, refuses=(409, 422))
async def reject_task(call: Call, id: str) -> TaskAnswer:
    """Say no to a task that waits for a yes."""
    by = await people.doer(call, "reject")
    task = await call.write(deciding.reject, call.project_id, read("task", id, call.project_id), by)
    return await _answer(call, task)


@post("/api/tasks/{id:str}/cancel", needs="task:write", status_code=200, tags=TAGS, refuses=(409, 422))
async def cancel_task(call: Call, id: str, data: wire.ReasonMetadataRequest | None = None) -> TaskAnswer:
    """Cancel a task with its run, and all below it that has not ended."""
    by = await people.doer(call, "cancel")
    data = data or wire.ReasonMetadataRequest()
    task = await call.write(
        canceling.cancel,
        call.project_id,
        read("task", id, call.project_id),
        by,
        reason=trimmed(data.reason),
        metadata=given(data.metadata),
    )
    return await _answer(call, task)


@post("/api/tasks/{id:str}/dependencies", needs="task:write", status_code=200, tags=TAGS, refuses=(409, 422))
async def add_task_dependency(call: Call, id: str, data: wire.AddTaskDependencyRequest) -> DetailAnswer:
    """Let a task wait until another one is completed."""
    by = await people.doer(call, "add_dependency")
    task_id, other_id = read("task", id, call.project_id), mapping.dependency_in(data, call.project_id)
    await call.write(depending.add, call.project_id, task_id, other_id, by)
    return details_mapping.detail_out(await call.read(details.of, call.project_id, task_id))


@delete(
    "/api/tasks/{id:str}/dependencies/{depends_on_id:str}",
    needs="task:write",
    status_code=200,
    tags=TAGS,
    refuses=(409, 422),
)
async def remove_task_dependency(call: Call, id: str, depends_on_id: str) -> DetailAnswer:
    """Let a task wait for another one no longer."""
    by = await people.doer(call, "remove_dependency")
    task_id, other_id = read("task", id, call.project_id), read("task", depends_on_id, call.project_id)
    await call.write(depending.remove, call.project_id, task_id, other_id, by)
    return details_mapping.detail_out(await call.read(details.of, call.project_id, task_id))
