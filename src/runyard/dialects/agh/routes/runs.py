"""Runs of tasks by themselves, and what people and programs do to them (contract §5, §23)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import operating as mapping
from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.values import given, read, trimmed
from runyard.dialects.agh.wire import operating as wire
from runyard.dialects.agh.wire.lifecycle import ReasonMetadataRequest
from runyard.dialects.agh.wire.runs import RunAnswer
from runyard.domain.errors import Invalid
from runyard.engine.tasks import operating, run_details
from runyard.web.call import Call

TAGS = ["task-runs"]


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [
        get_task_run,
        claim_task_run,
        start_task_run,
        attach_task_run_session,
        complete_task_run,
        fail_task_run,
        cancel_task_run,
    ]


@get("/api/task-runs/{id:str}", needs="task:read", tags=TAGS)
async def get_task_run(call: Call, id: str) -> wire.RunDetailAnswer:
    """A run with its task, the session that has it, and what it used."""
    await people.doer(call, "get_run")
    return mapping.detail_out(await call.read(run_details.get, call.project_id, read("run", id)))


@post("/api/task-runs/{id:str}/claim", needs="task:write", status_code=200, tags=TAGS, refuses=(409,))
async def claim_task_run(call: Call, id: str, data: wire.LifecycleKeyRequest | None = None) -> RunAnswer:
    """Take a queued run without lease or session, paused or not."""
    by = await people.doer(call, "claim_run")
    key = None if data is None else trimmed(data.idempotency_key)
    run = await call.write(operating.claim, call.project_id, read("run", id), by, key=key)
    return RunAnswer(run=run_out(run))


@post("/api/task-runs/{id:str}/start", needs="task:write", status_code=200, tags=TAGS, refuses=(409,))
async def start_task_run(call: Call, id: str, data: wire.LifecycleKeyRequest | None = None) -> RunAnswer:
    """Begin to work on a claimed run; one without a session is given one."""
    by = await people.doer(call, "start_run")
    key = None if data is None else trimmed(data.idempotency_key)
    run = await call.write(operating.start, call.project_id, read("run", id), by, key=key)
    return RunAnswer(run=run_out(run))


@post("/api/task-runs/{id:str}/attach-session", needs="task:write", status_code=200, tags=TAGS, refuses=(409,))
async def attach_task_run_session(call: Call, id: str, data: wire.AttachSessionRequest) -> RunAnswer:
    """Bind a session to a run that was claimed or is starting."""
    by = await people.doer(call, "attach_run_session")
    if not data.session_id.strip():
        raise Invalid("`session_id` must name the session to bind")
    session_id = read("sess", data.session_id)
    return RunAnswer(run=run_out(await call.write(operating.attach, call.project_id, read("run", id), session_id, by)))


@post("/api/task-runs/{id:str}/complete", needs="task:write", status_code=200, tags=TAGS, refuses=(409,))
async def complete_task_run(call: Call, id: str, data: wire.CompleteRunRequest | None = None) -> RunAnswer:
    """End a running run without lease as completed; its session is asked to stop."""
    by = await people.doer(call, "complete_run")
    result = None if data is None else given(data.result)
    run = await call.write(operating.complete, call.project_id, read("run", id), by, result=result)
    return RunAnswer(run=run_out(run))


@post("/api/task-runs/{id:str}/fail", needs="task:write", status_code=200, tags=TAGS, refuses=(409,))
async def fail_task_run(call: Call, id: str, data: wire.FailRunRequest) -> RunAnswer:
    """End a starting or running run without lease as failed; its session is asked to stop."""
    by = await people.doer(call, "fail_run")
    error, metadata = data.error.strip(), given(data.metadata)
    run = await call.write(operating.fail, call.project_id, read("run", id), by, error=error, metadata=metadata)
    return RunAnswer(run=run_out(run))


@post("/api/task-runs/{id:str}/cancel", needs="task:write", status_code=200, tags=TAGS, refuses=(409,))
async def cancel_task_run(call: Call, id: str, data: ReasonMetadataRequest | None = None) -> RunAnswer:
    """Cancel a run that has not ended; the session that works on it is asked to stop."""
    by = await people.doer(call, "cancel_run")
    reason, metadata = (None, None) if data is None else (trimmed(data.reason), given(data.metadata))
    run = await call.write(operating.cancel, call.project_id, read("run", id), by, reason=reason, metadata=metadata)
    return RunAnswer(run=run_out(run))
