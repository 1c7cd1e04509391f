"""What an agent remembers of a task between its runs (contract §11)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog.errors import FieldError, Stale
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import task_sessions as mapping
from runyard.dialects.posthog.people import own
from runyard.dialects.posthog.routes import links
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.queries import IfMatch, RunToken, SandboxId
from runyard.dialects.posthog.wire.task_sessions import SyncedTaskSession, TaskSession
from runyard.domain.errors import Conflict, Forbidden, Unauthorized
from runyard.engine.coding import kept, runs
from runyard.web.call import Call


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @get(
        RUN + "/task_session",
        needs="task:read",
        operation_id="tasks_runs_task_session_retrieve",
        tags=["task-runs-extra"],
    )
    async def task_session(call: Call, project_id: str, task_id: str, id: str) -> TaskSession:
        """Where what is kept of the task can be downloaded for an hour."""
        task = own(task_id, "task")
        found = await call.read(kept.find, call.project_id, task, own(id, "run"))
        return mapping.session_out(task, found, links.to_kept(call, house, found) if found is not None else None)

    @post(
        RUN + "/task_session_sync",
        needs="task:write",
        operation_id="tasks_runs_task_session_sync_create",
        tags=["task-runs-extra"],
        status_code=200,
        consumes="application/octet-stream",
        request_max_body_size=None,
    )
    async def sync_task_session(
        call: Call,
        project_id: str,
        task_id: str,
        id: str,
        if_match: IfMatch = None,
        sandbox: SandboxId = None,
        token: RunToken = None,
    ) -> SyncedTaskSession:
        """Keep the body of the task, in the place of what `If-Match` names."""
        task, run = own(task_id, "task"), own(id, "run")
        await call.read(runs.find, call.project_id, task, run)
        before = mapping.before(_header("If-Match", if_match))
        _header("X-Sandbox-ID", sandbox)
        _check_token(house, _header("X-Task-Run-Token", token), call.project_id, run)
        try:
            await call.read(kept.check, call.project_id, task, run, before)
            limit = house.settings.max_artifact_bytes
            blob = await house.blobs.receive(call.project_id, call.request.stream(), limit=limit)
            found = await call.write(kept.replace, call.project_id, task, run, blob, before)
        except Conflict as error:
            raise Stale(error.detail) from None
        return mapping.synced_out(found)

    return [task_session, sync_task_session]


def _header(name: str, said: str | None) -> str:
    if said is None or not said.strip():
        raise FieldError("required", f"The header {name} is required.", name)
    return said


def _check_token(house: House, token: str, project_id: int, run_id: str) -> None:
    try:
        said = house.tokens.read(token)
    except Unauthorized as error:
        raise Forbidden(f"X-Task-Run-Token: {error.detail}") from None
    if (said.project, said.run) != (project_id, run_id):
        raise Forbidden("X-Task-Run-Token: that is a token of another run")
