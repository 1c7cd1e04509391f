"""Runs as the SDK sees them (contract §5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from litestar import get, post

from runyard.dialects.bamboosnow.mapping import sdk_runs as mapping
from runyard.dialects.bamboosnow.mapping.values import place, read
from runyard.dialects.bamboosnow.routes.runs import RUNNABLE, refusing
from runyard.dialects.bamboosnow.wire import runs as plain
from runyard.dialects.bamboosnow.wire import sdk_runs as wire
from runyard.domain.approvals import Verdict
from runyard.domain.slices import Slice
from runyard.engine import accounts, agent_lists, approvals, copies, stops, thoughts, transcripts
from runyard.storage.statements.transcripts import Said
from runyard.web.call import Call
from runyard.web.reply import Download, Reply, Streamed

_TAGS = ["SDK: runs"]
_TEXT = [(b"content-type", b"text/plain; charset=utf-8")]


@get("/api/v1/runs", needs="read", tags=_TAGS)
async def list_sdk_runs(
    call: Call,
    page: str | None = None,
    per_page: str | None = None,
    agent_id: str | None = None,
    status: str | None = None,
    trigger_type: str | None = None,
) -> wire.SdkRunPage:
    """Runs of agents that meet every filter given: those that began last first (that were made, before they begin)."""
    at = place(page, per_page)
    asked = mapping.wanted_in(call.project_id, agent_id=agent_id, status=status, trigger_type=trigger_type)
    return mapping.list_out(await call.read(agent_lists.page, asked, offset=at.offset, limit=at.per_page), at)


@get("/api/v1/runs/{id:str}", needs="read", tags=_TAGS)
async def get_sdk_run(call: Call, id: str) -> wire.SdkAgentRun:
    """Any run of the project, of an agent or not. Its trace has at most 1,000 steps, the newest."""
    return mapping.run_out(await call.read(accounts.find, call.project_id, read("run", id)))


@get("/api/v1/runs/{id:str}/trace", needs="read", tags=_TAGS)
async def get_trace(call: Call, id: str) -> list[wire.SdkThoughtStep]:
    """What the agent saw, thought and did, oldest first; of very many steps the newest 1,000."""
    return mapping.trace_out(await call.read(thoughts.of_run, call.project_id, read("run", id)))


@get("/api/v1/runs/{id:str}/logs", needs="read", produces="text/plain", tags=_TAGS)
async def get_log_text(call: Call, id: str) -> Streamed:
    """The whole log as text, a line for each entry: its time, its level, its message."""
    run_id = read("run", id)
    first = await call.read(transcripts.of_run, call.project_id, run_id)
    return Streamed(Download(_text(call, run_id, first), headers=_TEXT))


async def _text(call: Call, run_id: str, lines: Slice[Said, int]) -> AsyncIterator[bytes]:
    while True:
        yield "".join(map(mapping.line_out, lines.rows)).encode()
        if lines.more is None:
            return
        lines = await call.read(transcripts.of_run, call.project_id, run_id, after=lines.more)


@post("/api/v1/runs/{id:str}/approve", needs=RUNNABLE, status_code=200, tags=_TAGS, refuses=(409,))
async def approve_run(call: Call, id: str, data: wire.SdkDecision) -> wire.SdkAgentRun:
    """Approve or reject what the run waits for; it goes on and its agent learns of the comment."""
    verdict = Verdict(approved=data.approved, comment=data.comment, actor=call.actor)
    run = await call.write(approvals.decide_of_run, call.project_id, read("run", id), verdict)
    return mapping.run_out(await call.read(accounts.find, call.project_id, run.id))


@post("/api/v1/runs/{id:str}/cancel", needs=RUNNABLE, status_code=200, tags=_TAGS, refuses=(409,))
async def cancel_sdk_run(call: Call, id: str, data: plain.CancelRequest | None = None) -> wire.SdkAgentRun:
    """Stop a run that is queued or at work; one that is cancelled stays so, and any other is refused."""
    reason = None if data is None else data.reason
    with refusing("the run has ended; only a queued or running one can be cancelled"):
        run = await call.write(stops.stop, call.project_id, read("run", id), reason=reason, actor=call.actor)
    return mapping.run_out(await call.read(accounts.find, call.project_id, run.id))


@post("/api/v1/runs/{id:str}/retry", needs=RUNNABLE, status_code=200, tags=_TAGS, refuses=(409,))
async def retry_sdk_run(call: Call, id: str, data: plain.RetryRequest | None = None) -> Reply[wire.SdkAgentRun]:
    """Queue a new run like one that has ended, and answer with the new one."""
    config = None if data is None else data.config_override
    with refusing("the run has not ended; only one that has can be retried"):
        return await call.answer(
            mapping.run_out,
            accounts.after,
            copies.retry,
            call.project_id,
            read("run", id),
            config=config,
            actor=call.actor,
        )


HANDLERS: list[Any] = [
    list_sdk_runs,
    get_sdk_run,
    get_trace,
    get_log_text,
    approve_run,
    cancel_sdk_run,
    retry_sdk_run,
]
