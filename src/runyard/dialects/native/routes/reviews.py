"""Reviews of runs of tasks: asking for them, having them judged by sessions, and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from runyard.dialects.native import wire as shapes
from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import reviews as mapping
from runyard.dialects.native.mapping.task_claims import refused
from runyard.dialects.native.mapping.tasks import task_id as id_in
from runyard.dialects.native.mapping.values import lenient_id
from runyard.dialects.native.wire import reviews as wire
from runyard.domain.errors import DomainError
from runyard.domain.reviews import Review, ReviewStatus
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import reviews, routing, verdicts
from runyard.engine.tasks.routing import Ask
from runyard.streams.hub import Hub
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply
from runyard.web.waiting import waited

NEEDS = ("runs:claim", "task:write")
Status = Annotated[wire.Status | None, QueryParameter(description="Only reviews that stand so.")]
Task = Annotated[str | None, QueryParameter(max_length=160, description="Only of this task's runs.")]
Run = Annotated[str | None, QueryParameter(max_length=128, description="Only of this run.")]
Session = Annotated[str | None, QueryParameter(max_length=128, description="Only what this session judges.")]


def claiming(hub: Hub) -> HTTPRouteHandler:
    """The claim route; waiting claims are woken by the commit that asks for a review or frees one."""

    @post("/v1/reviews/claim", needs=NEEDS, status_code=200)
    async def claim_review(call: Call, data: wire.ReviewClaimIn) -> wire.ReviewClaim:
        """Hand the session the review that suits it best; wait up to `wait_seconds` for one.

        It judges one at a time: asked again it is given the one it has.
        """
        ask = mapping.ask_in(call.project_id, data)
        if not data.wait_seconds:
            return _claim_out(await _claimed(call, ask))
        topics = [routing.topic(call.project_id)]
        found = await waited(call, hub, topics, lambda: _claimed(call, ask), seconds=data.wait_seconds)
        return _claim_out(found.value)

    return claim_review


async def _claimed(call: Call, ask: Ask) -> Review | None:
    try:
        return await call.write(routing.claim, ask)
    except DomainError as error:
        raise refused(error) from None


def _claim_out(review: Review | None) -> wire.ReviewClaim:
    return wire.ReviewClaim(review=mapping.review_out(review) if review is not None else None)


@post("/v1/task-runs/{run_id:str}/reviews", needs="task:write", status_code=201, also=(200,))
async def request_review(call: Call, run_id: str, data: wire.ReviewIn | None = None) -> Reply[wire.Review]:
    """Ask for a review of a run that has ended; 200 with the one there is of the same round and attempt."""
    by, new = doer(call, "request_review"), mapping.review_in(data or wire.ReviewIn())
    return await call.answer(mapping.requested_out, reviews.request, call.project_id, lenient_id(run_id), new, by)


@get("/v1/reviews", needs="task:read")
async def list_reviews(
    call: Call,
    status: Status = None,
    task_id: Task = None,
    run_id: Run = None,
    session_id: Session = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> shapes.Page[wire.Review]:
    """Reviews of the project, those asked for last first."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(
        reviews.page,
        call.project_id,
        status=ReviewStatus(status) if status is not None else None,
        task_id=id_in(task_id) if task_id is not None else None,
        run_id=lenient_id(run_id) if run_id is not None else None,
        session_id=lenient_id(session_id) if session_id is not None else None,
        before=before,
        limit=limit + 1,
    )
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return shapes.Page(data=[mapping.review_out(row) for row in shown], next_cursor=more)


@get("/v1/reviews/{review_id:str}", needs="task:read")
async def get_review(call: Call, review_id: str) -> wire.Review:
    """A review."""
    return mapping.review_out(await call.read(reviews.find, call.project_id, lenient_id(review_id)))


@post("/v1/reviews/{review_id:str}/verdict", needs="task:write", status_code=200)
async def submit_verdict(call: Call, review_id: str, data: wire.VerdictIn) -> Reply[wire.Judged]:
    """Record what somebody says of the run; a rejection queues a run that goes on with the work."""
    wanted, verdict = lenient_id(review_id), mapping.verdict_in(data)
    if data.session_id is None:
        by = doer(call, "submit_review")
        return await call.answer(mapping.judged_out, verdicts.submit, call.project_id, wanted, verdict, by)
    who = Claimed(session_id=lenient_id(data.session_id), agent=None)
    try:
        return await call.answer(
            mapping.judged_out, verdicts.submit_as, call.project_id, wanted, verdict, who, mapping.VERDICT
        )
    except DomainError as error:
        raise refused(error) from None


def handlers(hub: Hub) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""
    return [claiming(hub), request_review, list_reviews, get_review, submit_verdict]
