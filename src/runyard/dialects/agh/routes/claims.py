"""What sessions do with runs: claims and lease calls (contract §7, §8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import claims as mapping
from runyard.dialects.agh.mapping.values import given, trimmed, wanted
from runyard.dialects.agh.people import claimed
from runyard.dialects.agh.wire import claims as wire
from runyard.domain.actors import Origin
from runyard.domain.errors import DomainError
from runyard.engine.tasks import claims, leases
from runyard.engine.tasks.claims import Ask, Handed
from runyard.web.call import Call
from runyard.web.errors import Gone
from runyard.web.reply import Reply
from runyard.web.waiting import waited

NEEDS = ("runs:claim", "task:write")


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""

    @post("/api/agent/tasks/claim-next", needs=NEEDS, status_code=200, also=(204,), tags=["agent"], refuses=(408, 422))
    async def claim_next_agent_task(call: Call, data: wire.ClaimNextRequest | None = None) -> Reply[wire.ClaimAnswer]:
        """The best queued run that the calling session may have, under a lease; 204 when there is none."""
        ask = mapping.ask_in(call.project_id, claimed(call), data)
        if data is None or not data.wait:
            return _claim_reply(await _claimed(call, ask))
        most = house.settings.claim_wait_max
        topics = [f"ready:{call.project_id}"]
        found = await waited(call, house.hub, topics, lambda: _claimed(call, ask), seconds=most)
        if not found.gone:
            return _claim_reply(found.value)
        if found.value is not None:
            await call.write(leases.release, [mapping.given_back(found.value, ask.who)])
        raise Gone("the client went away while it waited")

    return [
        claim_next_agent_task,
        heartbeat_agent_task_run,
        complete_agent_task_run,
        fail_agent_task_run,
        release_agent_task_run,
    ]


async def _claimed(call: Call, ask: Ask) -> Handed | None:
    answer: Handed | DomainError | None = (await call.write(claims.claim_next, [ask]))[0]
    if isinstance(answer, DomainError):
        raise mapping.refused(answer)
    return answer


def _claim_reply(handed: Handed | None) -> Reply[wire.ClaimAnswer]:
    return Reply(b"", status_code=204) if handed is None else Reply(mapping.claim_out(handed))


@post("/api/agent/tasks/{run_id:str}/heartbeat", needs=NEEDS, status_code=200, tags=["agent"], refuses=(422,))
async def heartbeat_agent_task_run(call: Call, run_id: str, data: wire.HeartbeatRequest) -> wire.LeaseAnswer:
    """Let the lease last so long from now on, which may be shorter than before."""
    report = leases.Extend(**_named(call, run_id, "heartbeat"), lease=mapping.lease_in(data.lease_seconds))
    return mapping.answer_out((await call.write(leases.extend, [report]))[0])


@post("/api/agent/tasks/{run_id:str}/complete", needs=NEEDS, status_code=200, tags=["agent"], refuses=(422,))
async def complete_agent_task_run(call: Call, run_id: str, data: wire.CompleteRequest) -> wire.LeaseAnswer:
    """Say that the run is done."""
    report = leases.Complete(**_named(call, run_id, "complete"), result=given(data.result))
    return mapping.answer_out((await call.write(leases.complete, [report]))[0])


@post("/api/agent/tasks/{run_id:str}/fail", needs=NEEDS, status_code=200, tags=["agent"], refuses=(422,))
async def fail_agent_task_run(call: Call, run_id: str, data: wire.FailRequest) -> wire.LeaseAnswer:
    """Say that the run failed."""
    report = leases.Fail(**_named(call, run_id, "fail"), error=data.error.strip(), metadata=given(data.metadata))
    return mapping.answer_out((await call.write(leases.fail, [report]))[0])


@post("/api/agent/tasks/{run_id:str}/release", needs=NEEDS, status_code=200, tags=["agent"], refuses=(422,))
async def release_agent_task_run(call: Call, run_id: str, data: wire.ReleaseRequest) -> wire.LeaseAnswer:
    """Give the run back to the queue."""
    report = leases.Release(**_named(call, run_id, "release"), reason=trimmed(data.reason))
    return mapping.answer_out((await call.write(leases.release, [report]))[0])


def _named(call: Call, run_id: str, verb: str) -> dict[str, Any]:
    return {
        "project_id": call.project_id,
        "who": claimed(call),
        # What cannot be a run's id is none's; who calls is checked before that is said.
        "run_id": wanted("run", run_id) or "",
        "origin": Origin("http", f"agent.task.{verb}"),
    }
