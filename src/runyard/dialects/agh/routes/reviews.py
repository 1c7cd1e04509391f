"""Reviews of runs (contract §17)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import reviews as mapping
from runyard.dialects.agh.mapping.values import limit as limit_of
from runyard.dialects.agh.mapping.values import one_of, read, wanted
from runyard.dialects.agh.wire import reviews as wire
from runyard.dialects.agh.wire.queries import Number
from runyard.domain.reviews import Review
from runyard.engine.tasks import reviews, verdicts
from runyard.web.call import Call
from runyard.web.reply import Reply

TAGS = ["reviews"]


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [
        request_task_run_review,
        list_task_run_reviews,
        list_task_reviews,
        get_task_run_review,
        submit_task_run_review_verdict,
    ]


@post("/api/task-runs/{id:str}/reviews", needs="task:write", status_code=201, also=(200,), tags=TAGS)
async def request_task_run_review(
    call: Call, id: str, data: wire.RequestReviewRequest | None = None
) -> Reply[wire.RequestedAnswer]:
    """Ask for a review of a run that has ended; the one of this round and attempt, where it was asked for before."""
    by = await people.doer(call, "request_review")
    run_id = read("run", id)
    new = mapping.request_in(run_id, data or wire.RequestReviewRequest(), call.project_id)
    return await call.answer(mapping.requested_out, reviews.request, call.project_id, run_id, new, by)


@get("/api/task-runs/{id:str}/reviews", needs="task:read", tags=TAGS)
async def list_task_run_reviews(
    call: Call, id: str, status: str | None = None, reviewer_session_id: str | None = None, limit: Number = None
) -> wire.ReviewsAnswer:
    """The reviews of a run, the newest changed first; none where there is no such run."""
    await people.doer(call, "list_reviews")
    run_id = wanted("run", id) or ""
    found = await call.read(reviews.of_run, call.project_id, run_id)
    return _listed(found, status, reviewer_session_id, limit)


@get("/api/tasks/{id:str}/reviews", needs="task:read", tags=TAGS)
async def list_task_reviews(
    call: Call, id: str, status: str | None = None, reviewer_session_id: str | None = None, limit: Number = None
) -> wire.ReviewsAnswer:
    """The reviews of all runs of a task, the newest changed first; none where there is no such task."""
    await people.doer(call, "list_reviews")
    task_id = wanted("task", id, call.project_id) or ""
    found = await call.read(reviews.of_task, call.project_id, task_id)
    return _listed(found, status, reviewer_session_id, limit)


def _listed(found: list[Review], status: str | None, session: str | None, limit: str | None) -> wire.ReviewsAnswer:
    word, session_id = one_of("status", status, mapping.STATUSES), wanted("sess", session)
    kept = [one for one in found if word in (None, one.status) and (session_id is None or one.session_id == session_id)]
    return wire.ReviewsAnswer(reviews=[mapping.review_out(one) for one in kept[: limit_of(limit)]])


@get("/api/task-reviews/{id:str}", needs="task:read", tags=TAGS)
async def get_task_run_review(call: Call, id: str) -> wire.ReviewAnswer:
    """A review."""
    await people.doer(call, "get_review")
    review = await call.read(reviews.find, call.project_id, read("review", id))
    return wire.ReviewAnswer(review=mapping.review_out(review))


@post("/api/task-reviews/{id:str}/verdict", needs="task:write", status_code=200, tags=TAGS)
async def submit_task_run_review_verdict(call: Call, id: str, data: wire.VerdictRequest) -> wire.VerdictAnswer:
    """Record what somebody says of the run; a rejection queues a run that goes on with the work."""
    by = await people.doer(call, "submit_review")
    review_id = read("review", id)
    run_id, verdict = mapping.verdict_in(data)
    judged = await call.write(verdicts.submit, call.project_id, review_id, verdict, by, run_id=run_id)
    return mapping.verdict_out(judged)
