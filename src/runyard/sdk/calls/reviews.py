"""Requests about reviews of runs of tasks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

from runyard.sdk import models
from runyard.sdk.call import Call, encode, get, present, query, segment, send
from runyard.sdk.task_fields import Outcome, ReviewPolicy, ReviewStatus


def request(
    run_id: str,
    *,
    policy: ReviewPolicy | None = None,
    round: int | None = None,
    attempt: int | None = None,
    parent_id: str | None = None,
    reason: str | None = None,
    deadline_at: datetime | None = None,
) -> Call[models.Review]:
    """Ask for a review of a run that has ended; the same round and attempt once more is the review there is."""
    body = present(
        policy=policy, round=round, attempt=attempt, parent_id=parent_id, reason=reason, deadline_at=deadline_at
    )
    return send("POST", f"/task-runs/{segment(run_id)}/reviews", models.Review, body)


def list_all(
    *,
    status: ReviewStatus | None = None,
    task_id: str | None = None,
    run_id: str | None = None,
    session_id: str | None = None,
    limit: int | None = None,
) -> Call[models.Page[models.Review]]:
    """Reviews, those asked for last first."""
    found = query(status=status, task_id=task_id, run_id=run_id, session_id=session_id, limit=limit)
    return get("/reviews", models.Page[models.Review], found)


def read(review_id: str) -> Call[models.Review]:
    """One review."""
    return get(f"/reviews/{segment(review_id)}", models.Review)


def claim(
    session_id: str,
    *,
    capabilities: Iterable[str] | None = None,
    peer_id: str | None = None,
    wait_seconds: float | None = None,
) -> Call[models.Review | None]:
    """The review that suits the session best, waiting up to `wait_seconds` for one; it judges one at a time."""
    body = present(
        session_id=session_id,
        capabilities=None if capabilities is None else [*capabilities],
        peer_id=peer_id,
        wait_seconds=wait_seconds,
    )
    return Call(
        method="POST",
        path="/reviews/claim",
        shape=models.ReviewClaim,
        then=attrgetter("review"),
        body=encode(body),
        repeatable=True,
        timeout=(wait_seconds or 0) + 15,
    )


def verdict(
    review_id: str,
    outcome: Outcome,
    *,
    confidence: float,
    reason: str,
    delivery_id: str,
    missing_work: Iterable[str] | None = None,
    guidance: str | None = None,
    text: str | None = None,
    session_id: str | None = None,
) -> Call[models.Judged]:
    """Record what somebody says of the run; a rejection queues a run that goes on with the work.

    `delivery_id` is any text of its own, by which a repetition is known; without `session_id` a person judges.
    """
    body = present(
        outcome=outcome,
        confidence=confidence,
        reason=reason,
        delivery_id=delivery_id,
        missing_work=None if missing_work is None else [*missing_work],
        guidance=guidance,
        text=text,
        session_id=session_id,
    )
    return send("POST", f"/reviews/{segment(review_id)}/verdict", models.Judged, body)
