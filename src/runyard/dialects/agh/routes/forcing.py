"""What operators force on runs (contract §10)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import forcing as mapping
from runyard.dialects.agh.mapping.lifecycle import force_in
from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.values import read
from runyard.dialects.agh.wire import forcing as wire
from runyard.dialects.agh.wire.lifecycle import MetadataRequest, ReasonMetadataRequest
from runyard.dialects.agh.wire.runs import RunAnswer
from runyard.engine.tasks import forcing, succeeding
from runyard.web.call import Call

TAGS = ["runs"]
REFUSES = (409, 422, 429)


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    agents_may = house.settings.agents_may_force

    @post("/api/runs/bulk/release", needs="task:write", status_code=200, tags=TAGS, refuses=REFUSES)
    async def bulk_force_release_task_runs(call: Call, data: wire.BulkForceRequest) -> wire.BulkForceAnswer:
        """Give up to 50 claimed runs back to the queue, each by itself."""
        by = await people.doer(call, "bulk_release_runs")
        asked = mapping.runs_in(data.run_ids)
        force = mapping.bulk_release_in(call.project_id, by, data, agents_may=agents_may)
        return mapping.bulk_out(asked, await call.write(forcing.release_many, list(asked.values()), force))

    @post("/api/runs/bulk/fail", needs="task:write", status_code=200, tags=TAGS, refuses=REFUSES)
    async def bulk_force_fail_task_runs(call: Call, data: wire.BulkForceRequest) -> wire.BulkForceAnswer:
        """Fail up to 50 queued or claimed runs, each by itself."""
        by = await people.doer(call, "bulk_fail_runs")
        asked = mapping.runs_in(data.run_ids)
        force = mapping.bulk_fail_in(call.project_id, by, data, agents_may=agents_may)
        return mapping.bulk_out(asked, await call.write(forcing.fail_many, list(asked.values()), force))

    @post("/api/runs/{id:str}/release", needs="task:write", status_code=200, tags=TAGS, refuses=REFUSES)
    async def force_release_task_run(call: Call, id: str, data: ReasonMetadataRequest | None = None) -> RunAnswer:
        """Give a claimed run back to the queue without its lease."""
        by = await people.doer(call, "force_release_run")
        force = force_in(call.project_id, by, data, agents_may=agents_may)
        return RunAnswer(run=run_out(await call.write(forcing.release, read("run", id), force)))

    @post("/api/runs/{id:str}/fail", needs="task:write", status_code=200, tags=TAGS, refuses=REFUSES)
    async def force_fail_task_run(call: Call, id: str, data: ReasonMetadataRequest) -> RunAnswer:
        """Fail a queued or claimed run without its lease."""
        by = await people.doer(call, "force_fail_run")
        force = force_in(call.project_id, by, data, agents_may=agents_may)
        return RunAnswer(run=run_out(await call.write(forcing.fail, read("run", id), force)))

    @post("/api/runs/{id:str}/retry", needs="task:write", status_code=201, tags=TAGS, refuses=REFUSES)
    async def retry_task_run(call: Call, id: str, data: MetadataRequest | None = None) -> wire.RetryAnswer:
        """Queue a run in the place of a failed one."""
        by = await people.doer(call, "retry_run")
        force = force_in(call.project_id, by, data, agents_may=agents_may)
        return mapping.succession_out(await call.write(succeeding.retry, read("run", id), force))

    @post("/api/runs/{id:str}/recover", needs="task:write", status_code=201, tags=TAGS, refuses=REFUSES)
    async def recover_task_run(call: Call, id: str, data: ReasonMetadataRequest | None = None) -> wire.RetryAnswer:
        """Fail a run that needs attention and queue one in its place."""
        by = await people.doer(call, "recover_run")
        force = force_in(call.project_id, by, data, agents_may=agents_may)
        return mapping.succession_out(await call.write(succeeding.recover, read("run", id), force))

    return [
        bulk_force_release_task_runs,
        bulk_force_fail_task_runs,
        force_release_task_run,
        force_fail_task_run,
        retry_task_run,
        recover_task_run,
    ]
