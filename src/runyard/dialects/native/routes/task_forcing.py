"""What operators force on runs of tasks, whoever has them."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import post

from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import lenient_id, maybe_text
from runyard.dialects.native.mapping import task_operating as mapping
from runyard.dialects.native.mapping.task_runs import task_run_out
from runyard.dialects.native.wire import task_operating as wire
from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.engine.tasks import forcing, succeeding
from runyard.engine.tasks.forcing import Force
from runyard.web.call import Call
from runyard.web.reply import Reply


@post("/v1/task-runs/{run_id:str}/force-release", needs="task:write", status_code=200)
async def force_release_task_run(call: Call, run_id: str, data: wire.ForceIn | None = None) -> Reply[TaskRun]:
    """Give a claimed run back to the queue without its lease."""
    force = mapping.force_in(call.project_id, doer(call, "force_release_run"), data)
    return await call.answer(task_run_out, forcing.release, lenient_id(run_id), force)


@post("/v1/task-runs/{run_id:str}/force-fail", needs="task:write", status_code=200)
async def force_fail_task_run(call: Call, run_id: str, data: wire.ForceFailIn) -> Reply[TaskRun]:
    """Fail a queued or claimed run without its lease."""
    force = mapping.force_in(call.project_id, doer(call, "force_fail_run"), data)
    return await call.answer(task_run_out, forcing.fail, lenient_id(run_id), force)


@post("/v1/task-runs/{run_id:str}/retry", needs="task:write", status_code=201)
async def retry_task_run(call: Call, run_id: str, data: wire.ForceIn | None = None) -> Reply[wire.Succession]:
    """Queue a run in the place of a failed one, which stays as it is; `metadata` is the new run's."""
    force = mapping.force_in(call.project_id, doer(call, "retry_run"), data)
    return await call.answer(mapping.succession_out, succeeding.retry, lenient_id(run_id), force)


@post("/v1/task-runs/{run_id:str}/recover", needs="task:write", status_code=201)
async def recover_task_run(call: Call, run_id: str, data: wire.ForceIn | None = None) -> Reply[wire.Succession]:
    """Fail a run that needs attention and queue one in its place; `metadata` is the new run's."""
    force = mapping.force_in(call.project_id, doer(call, "recover_run"), data)
    return await call.answer(mapping.succession_out, succeeding.recover, lenient_id(run_id), force)


@post("/v1/task-runs/force-release", needs="task:write", status_code=200)
async def force_release_task_runs(call: Call, data: wire.ForceManyIn) -> Reply[wire.ForceResults]:
    """Give up to 50 claimed runs back to the queue, each by itself."""
    by, ids = doer(call, "bulk_release_runs"), mapping.ids_in(data.run_ids)
    force = Force(project_id=call.project_id, by=by, reason=(data.reason or "").strip())
    return await call.answer(partial(mapping.results_out, ids), forcing.release_many, ids, force)


@post("/v1/task-runs/force-fail", needs="task:write", status_code=200)
async def force_fail_task_runs(call: Call, data: wire.ForceFailManyIn) -> Reply[wire.ForceResults]:
    """Fail up to 50 queued or claimed runs, each by itself."""
    by, ids = doer(call, "bulk_fail_runs"), mapping.ids_in(data.run_ids)
    force = Force(project_id=call.project_id, by=by, reason=data.reason.strip(), metadata=maybe_text(data.metadata))
    return await call.answer(partial(mapping.results_out, ids), forcing.fail_many, ids, force)


HANDLERS: list[Any] = [
    force_release_task_run,
    force_fail_task_run,
    retry_task_run,
    recover_task_run,
    force_release_task_runs,
    force_fail_task_runs,
]
