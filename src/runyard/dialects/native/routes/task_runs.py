"""Runs of tasks by themselves, and what people do to them without a lease; a close look at them and their tasks."""

from __future__ import annotations

from typing import Any

from litestar import get, post

from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import lenient_id
from runyard.dialects.native.mapping import task_operating as mapping
from runyard.dialects.native.mapping.task_runs import task_run_out
from runyard.dialects.native.mapping.tasks import task_id as id_in
from runyard.dialects.native.mapping.values import maybe_text
from runyard.dialects.native.wire import task_operating as wire
from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.engine.tasks import inspecting, operating, run_details
from runyard.web.call import Call
from runyard.web.reply import Reply


@get("/v1/task-runs/{run_id:str}", needs="task:read")
async def get_task_run(call: Call, run_id: str) -> wire.TaskRunDetail:
    """A run of a task with its task, and the session that has it."""
    return mapping.detail_out(await call.read(run_details.get, call.project_id, lenient_id(run_id)))


@post("/v1/task-runs/{run_id:str}/claim", needs="task:write", status_code=200)
async def claim_task_run(call: Call, run_id: str) -> Reply[TaskRun]:
    """Take a queued run without lease or session, though its task or the scheduler be paused."""
    by = doer(call, "claim_run")
    return await call.answer(task_run_out, operating.claim, call.project_id, lenient_id(run_id), by)


@post("/v1/task-runs/{run_id:str}/start", needs="task:write", status_code=200)
async def start_task_run(call: Call, run_id: str) -> Reply[TaskRun]:
    """Begin to work on a claimed run; one without a session is given one."""
    by = doer(call, "start_run")
    return await call.answer(task_run_out, operating.start, call.project_id, lenient_id(run_id), by)


@post("/v1/task-runs/{run_id:str}/attach", needs="task:write", status_code=200)
async def attach_task_run(call: Call, run_id: str, data: wire.AttachIn) -> Reply[TaskRun]:
    """Bind a session to a run that was claimed or is starting, and has none."""
    session_id, by = lenient_id(data.session_id), doer(call, "attach_run_session")
    return await call.answer(task_run_out, operating.attach, call.project_id, lenient_id(run_id), session_id, by)


@post("/v1/task-runs/{run_id:str}/end", needs="task:write", status_code=200)
async def end_task_run(call: Call, run_id: str, data: wire.EndIn) -> Reply[TaskRun]:
    """End a run that nobody has under a lease as completed or failed; its session is asked to stop."""
    one = lenient_id(run_id)
    if data.outcome == "completed":
        result, by = maybe_text(data.output), doer(call, "complete_run")
        return await call.answer(task_run_out, operating.complete, call.project_id, one, by, result=result)
    return await call.answer(
        task_run_out,
        operating.fail,
        call.project_id,
        one,
        doer(call, "fail_run"),
        error=data.error.strip(),
        metadata=maybe_text(data.metadata),
    )


@post("/v1/task-runs/{run_id:str}/cancel", needs="task:write", status_code=200)
async def cancel_task_run(call: Call, run_id: str, data: wire.CancelRunIn | None = None) -> Reply[TaskRun]:
    """Cancel a run that has not ended, whoever has it; the session that works on it is asked to stop."""
    data = data or wire.CancelRunIn()
    return await call.answer(
        task_run_out,
        operating.cancel,
        call.project_id,
        lenient_id(run_id),
        doer(call, "cancel_run"),
        reason=data.reason,
        metadata=maybe_text(data.metadata),
    )


@get("/v1/task-runs/{run_id:str}/inspect", needs="task:read")
async def inspect_task_run(call: Call, run_id: str) -> wire.Inspection:
    """Where a run stands, and what is wrong with it."""
    return mapping.inspection_out(await call.read(inspecting.run, call.project_id, lenient_id(run_id)))


@get("/v1/tasks/{task_id:str}/inspect", needs="task:read")
async def inspect_task(call: Call, task_id: str) -> wire.Inspection:
    """Where a task stands, what is wrong with its latest run, and what it waits for."""
    return mapping.inspection_out(await call.read(inspecting.task, call.project_id, id_in(task_id)))


HANDLERS: list[Any] = [
    get_task_run,
    claim_task_run,
    start_task_run,
    attach_task_run,
    end_task_run,
    cancel_task_run,
    inspect_task_run,
    inspect_task,
]
