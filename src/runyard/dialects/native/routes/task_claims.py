"""What sessions of agents do with runs of tasks: claims and reports. A session has one run at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native.mapping import given_text, lenient_id, maybe_span
from runyard.dialects.native.mapping import task_claims as mapping
from runyard.dialects.native.wire import task_claims as wire
from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.domain.actors import Origin
from runyard.domain.errors import DomainError
from runyard.engine.tasks import claims, leases
from runyard.engine.tasks.claims import Ask, Handed
from runyard.storage.port import Tx
from runyard.streams.hub import Hub
from runyard.web.call import Call
from runyard.web.reply import Reply
from runyard.web.waiting import waited

NEEDS = ("runs:claim", "task:write")


def claiming(hub: Hub) -> HTTPRouteHandler:
    """The claim route; waiting claims are woken by the commit that makes work ready."""

    @post("/v1/tasks/claim", needs=NEEDS, status_code=200)
    async def claim_task(call: Call, data: wire.TaskClaimIn) -> wire.TaskClaimOut:
        """Hand the session the best run of a task that it may have, under a lease; wait up to `wait_seconds` for it."""
        ask = mapping.ask_in(call.project_id, data)
        if not data.wait_seconds:
            return mapping.claim_out(await _claimed(call, ask))
        topics = [f"ready:{call.project_id}"]
        found = await waited(call, hub, topics, lambda: _claimed(call, ask), seconds=data.wait_seconds)
        if found.gone and found.value is not None:
            await call.write(leases.release, [mapping.given_back(found.value)])
            return mapping.claim_out(None)
        return mapping.claim_out(found.value)

    return claim_task


async def _claimed(call: Call, ask: Ask) -> Handed | None:
    answer: Handed | DomainError | None = (await call.write(claims.claim_next, [ask]))[0]
    if isinstance(answer, DomainError):
        raise mapping.refused(answer)
    return answer


@post("/v1/task-runs/{run_id:str}/heartbeat", needs=NEEDS, status_code=200)
async def heartbeat_task_run(call: Call, run_id: str, data: wire.LeaseHeartbeatIn) -> Reply[TaskRun]:
    """Let the session's lease last so long from now on, which may be shorter than before."""
    report = leases.Extend(**_named(call, run_id, data, "heartbeat"), lease=maybe_span(data.lease_seconds))
    return await _reported(call, leases.extend, report)


@post("/v1/task-runs/{run_id:str}/complete", needs=NEEDS, status_code=200)
async def complete_task_run(call: Call, run_id: str, data: wire.TaskCompleteIn) -> Reply[TaskRun]:
    """Say that the run is done; the session goes on."""
    report = leases.Complete(**_named(call, run_id, data, "complete"), result=given_text(data.output))
    return await _reported(call, leases.complete, report)


@post("/v1/task-runs/{run_id:str}/fail", needs=NEEDS, status_code=200)
async def fail_task_run(call: Call, run_id: str, data: wire.TaskFailIn) -> Reply[TaskRun]:
    """Say that the run failed; whether another one is queued is not decided by that."""
    report = leases.Fail(**_named(call, run_id, data, "fail"), error=data.error, metadata=given_text(data.metadata))
    return await _reported(call, leases.fail, report)


@post("/v1/task-runs/{run_id:str}/release", needs=NEEDS, status_code=200)
async def release_task_run(call: Call, run_id: str, data: wire.TaskReleaseIn) -> Reply[TaskRun]:
    """Give the run back to the queue, to the place it had."""
    report = leases.Release(**_named(call, run_id, data, "release"), reason=data.reason)
    return await _reported(call, leases.release, report)


async def _reported(
    call: Call, op: Callable[[Tx, Sequence[Any]], Sequence[leases.Outcome]], report: leases.Report
) -> Reply[TaskRun]:
    if call.header("idempotency-key") is not None:
        try:
            return await call.answer(mapping.answer_out, leases.one, op, report)
        except DomainError as error:
            raise mapping.refused(error) from None
    # Calls without a key are merged with others that wait.
    return Reply(mapping.answer_out((await call.write(op, [report]))[0]))


def _named(call: Call, run_id: str, data: wire.SessionIn, verb: str) -> dict[str, Any]:
    return {
        "project_id": call.project_id,
        "who": mapping.who_in(data),
        "run_id": lenient_id(run_id),
        "origin": Origin("http", f"tasks.{verb}"),
    }


def handlers(hub: Hub) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""
    return [claiming(hub), heartbeat_task_run, complete_task_run, fail_task_run, release_task_run]
