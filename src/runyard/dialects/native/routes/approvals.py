"""Approvals: executors ask under their leases, people look and decide."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter

from runyard.dialects.native import mapping
from runyard.dialects.native import wire as shapes
from runyard.dialects.native.mapping import approvals as shaping
from runyard.dialects.native.routes.records import EXECUTORS, READERS, may_read, writer
from runyard.dialects.native.wire import approvals as wire
from runyard.domain.approvals import ApprovalState, Verdict
from runyard.domain.errors import Forbidden
from runyard.engine import approvals
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply

State = Annotated[wire.State | None, QueryParameter(name="state", description="Only approvals in this state.")]
Named = Annotated[str | None, QueryParameter(name="name", max_length=128, description="Only the one of this name.")]


@post("/v1/runs/{run_id:str}/approvals", needs=EXECUTORS, status_code=200)
async def request_approval(call: Call, run_id: str, data: wire.ApprovalIn) -> Reply[wire.Approval]:
    """Ask whether the run may do something: it parks, and is queued again once somebody decided.

    A name that was asked for before is answered as it was, and the run goes on.
    """
    who = writer(call, run_id, data.token)
    if who.token is None:
        raise Forbidden("only the holder of a run's lease asks: send `token`, or the header X-Runyard-Lease")
    asked = approvals.NewApproval(
        project_id=who.project_id,
        run_id=who.run_id,
        token=who.token,
        actor=who.actor,
        timeout=mapping.maybe_span(data.timeout_seconds),
        **shaping.ask_in(data),
    )
    return await call.answer(shaping.asked_out, approvals.ask, asked)


@get("/v1/runs/{run_id:str}/approvals", needs=READERS, refuses=(409,))
async def list_run_approvals(
    call: Call, run_id: str, name: Named = None, limit: Limit = 50, cursor: Cursor = None
) -> shapes.Page[wire.Approval]:
    """What the run asked for, oldest first."""
    project_id = await may_read(call, run_id)
    (after,) = place(cursor, tuple[str]) or ("",)
    found = await call.read(approvals.of_run, project_id, mapping.run_id(run_id), name=name, after=after, limit=limit)
    return mapping.page(found, shaping.approval_out)


@get("/v1/runs/{run_id:str}/approvals/{name:str}", needs=READERS, refuses=(409,))
async def get_run_approval(call: Call, run_id: str, name: str) -> wire.Approval:
    """What the run asked for under this name."""
    project_id = await may_read(call, run_id)
    return shaping.approval_out(await call.read(approvals.named, project_id, mapping.run_id(run_id), name))


@get("/v1/approvals", needs="runs:read")
async def list_approvals(
    call: Call, in_state: State = None, limit: Limit = 50, cursor: Cursor = None
) -> shapes.Page[wire.Approval]:
    """What runs of the project asked for, newest first."""
    (before,) = place(cursor, tuple[str]) or (None,)
    state = None if in_state is None else ApprovalState(in_state)
    rows = await call.read(approvals.page, call.project_id, state=state, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return shapes.Page(data=[shaping.approval_out(row) for row in shown], next_cursor=more)


@get("/v1/approvals/{approval_id:str}", needs="runs:read")
async def get_approval(call: Call, approval_id: str) -> wire.Approval:
    """One approval."""
    found = await call.read(approvals.get, call.project_id, mapping.lenient_id(approval_id))
    return shaping.approval_out(found)


@post("/v1/approvals/{approval_id:str}/decide", needs="runs:write", status_code=200)
async def decide_approval(call: Call, approval_id: str, data: wire.DecisionIn) -> Reply[wire.Approval]:
    """Approve or reject what a run waits for; it goes on and reads the decision, or is canceled where it asked so."""
    verdict = Verdict(approved=data.approved, comment=data.comment, actor=call.actor)
    return await call.answer(
        shaping.asked_out, approvals.decide, call.project_id, mapping.lenient_id(approval_id), verdict
    )


HANDLERS = [
    request_approval,
    list_run_approvals,
    get_run_approval,
    list_approvals,
    get_approval,
    decide_approval,
]
