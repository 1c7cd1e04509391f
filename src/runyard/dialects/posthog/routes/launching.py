"""Runs launched, started, called off, and begun anew in another sandbox (contract §11)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms, shown
from runyard.dialects.posthog.errors import FieldError, Refused, action
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import launching as mapping
from runyard.dialects.posthog.people import doer, own
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.routes.tasks import TASK
from runyard.dialects.posthog.wire.launching import TaskRunCancel, TaskRunLaunch, TaskRunStart
from runyard.dialects.posthog.wire.runs import TaskRunDetail
from runyard.dialects.posthog.wire.tasks import Task
from runyard.engine.coding import launching, runs
from runyard.engine.coding.launching import NotOfTask, UnknownArtifacts
from runyard.web.call import Call
from runyard.web.reply import Reply

EXTRA = ["task-runs-extra"]


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @post(
        TASK + "/run",
        needs="task:write",
        operation_id="tasks_run_create",
        tags=["tasks"],
        status_code=200,
        body=TaskRunLaunch,
    )
    async def launch(call: Call, project_id: str, task_id: str) -> Task:
        """The task with a new run, which waits for its sandbox."""
        task = own(task_id, "task")
        await call.read(runs.check_task, call.project_id, task)
        said = await forms.body(call, mapping.LAUNCH)
        with _told():
            seen = await call.write(
                launching.launch,
                call.project_id,
                task,
                mapping.new_run(said),
                doer(call, "run"),
                resume_from=said["resume_from_run_id"],
            )
        return shown.task(call, house, seen)

    @post(
        RUN + "/start",
        needs="task:write",
        operation_id="tasks_runs_start_create",
        tags=EXTRA,
        status_code=200,
        body=TaskRunStart,
    )
    async def start(call: Call, project_id: str, task_id: str, id: str) -> Task:
        """The run's task, once the run waits for its sandbox."""
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        said = mapping.state(await forms.body(call, mapping.START))
        with _told():
            seen = await call.write(launching.start, call.project_id, task, run, said, doer(call, "start"))
        return shown.task(call, house, seen)

    @post(
        RUN + "/cancel",
        needs="task:write",
        operation_id="tasks_runs_cancel_create",
        tags=EXTRA,
        status_code=202,
        also=(200,),
        stored=False,
        body=TaskRunCancel,
    )
    async def cancel(call: Call, project_id: str, task_id: str, id: str) -> Reply[TaskRunDetail]:
        """The run, canceled; one that has ended is answered as it is, with 200."""
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        reason = (await forms.body(call, mapping.CANCEL))["reason"] or None
        with _told():
            stopped = await call.write(
                launching.cancel, call.project_id, task, run, doer(call, "cancel"), reason=reason
            )
        return Reply(shown.run(call, house, stopped.seen), status_code=202 if stopped.anew else 200)

    @post(
        RUN + "/resume_in_cloud",
        needs="task:write",
        operation_id="tasks_runs_resume_in_cloud_create",
        tags=EXTRA,
        status_code=200,
    )
    async def resume(call: Call, project_id: str, task_id: str, id: str) -> TaskRunDetail:
        """The run, which waits for another sandbox."""
        with _told():
            seen = await call.write(
                launching.reopen, call.project_id, own(task_id, "task"), own(id, "run"), doer(call, "resume")
            )
        return shown.run(call, house, seen)

    return [launch, start, cancel, resume]


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong as this dialect's actions do."""
    with action():
        try:
            yield
        except NotOfTask as error:
            raise FieldError("invalid", error.detail, "resume_from_run_id") from None
        except UnknownArtifacts as error:
            raise Refused(error.detail, missing_artifact_ids=error.extra["missing"]) from None
