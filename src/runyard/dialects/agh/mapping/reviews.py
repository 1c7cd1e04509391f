"""Reviews on the wire (contract §17). Pure."""

from __future__ import annotations

from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.tasks import identity_out
from runyard.dialects.agh.mapping.values import (
    given,
    instant,
    instant_or_never,
    moment,
    one_of,
    raw,
    read,
    shown,
    shown_if,
    trimmed,
    wanted,
)
from runyard.dialects.agh.wire import reviews as wire
from runyard.domain.errors import Invalid
from runyard.domain.reviews import NAME, Review, ReviewOutcome, ReviewPolicy, Verdict, check_bytes
from runyard.engine.tasks.reviews import NewReview, Requested
from runyard.engine.tasks.verdicts import Judged
from runyard.web.idempotency import Answer
from runyard.web.values import FIRST

STATUSES = ("requested", "routed", "in_review", "recorded", "circuit_opened", "canceled")
"""Nothing here is ever routed, of an opened circuit, or canceled."""


def request_in(run_id: str, data: wire.RequestReviewRequest, project_id: int) -> NewReview:
    """The review that is asked for. Raises `Invalid` or `NotFound`."""
    if wanted("run", data.run_id) not in (None, run_id):
        raise Invalid("`run_id` is not the run of the path; leave it out, or name the same")
    policy = one_of("policy", data.policy, ("none", *ReviewPolicy))
    if policy == "none":
        raise Invalid(f"`policy` must be one of {', '.join(ReviewPolicy)} to ask for a review, not none")
    parent = trimmed(data.parent_review_id)
    check_bytes("`parent_review_id`", parent, NAME)
    deadline_at = moment("deadline_at", data.deadline_at)
    return NewReview(
        policy=ReviewPolicy(policy or "always"),
        round=data.review_round or 1,
        attempt=data.attempt or 1,
        parent_id=read("review", parent) if parent is not None else None,
        reason=trimmed(data.reason),
        # The first moment of all means none, as it does in replies.
        deadline_at=None if deadline_at == FIRST else deadline_at,
        task_id=wanted("task", data.task_id, project_id),
    )


def verdict_in(data: wire.VerdictRequest) -> tuple[str, Verdict]:
    """The run that is meant, and what is said of it. Raises `Invalid`."""
    run_id = wanted("run", data.run_id)
    if run_id is None:
        raise Invalid("`run_id` must name the run that is reviewed")
    if data.verdict is None:
        raise Invalid("a `verdict` must be given")
    said = data.verdict
    outcome = one_of("verdict.outcome", said.outcome, tuple(ReviewOutcome))
    if outcome is None:
        raise Invalid(f"`verdict.outcome` must be one of {', '.join(ReviewOutcome)}")
    if said.confidence is None:
        raise Invalid("`verdict.confidence` must be a number from 0 to 1")
    verdict = Verdict(
        outcome=ReviewOutcome(outcome),
        confidence=said.confidence,
        reason=trimmed(said.reason) or "",
        delivery_id=trimmed(said.delivery_id) or "",
        missing_work=given(said.missing_work) or "[]",
        guidance=trimmed(said.next_round_guidance) or "",
        text=trimmed(said.review_text) or "",
    )
    return run_id, verdict


def review_out(review: Review) -> wire.Review:
    """A review."""
    judge = review.judge
    return wire.Review(
        review_id=shown("review", review.id),
        task_id=shown("task", review.task_id),
        run_id=shown("run", review.run_id),
        policy=review.policy.value,
        review_round=review.round,
        attempt=review.attempt,
        status=review.status.value,
        requested_at=instant(review.requested_at),
        routed_at=instant_or_never(review.routed_at),
        started_at=instant_or_never(review.started_at),
        reviewed_at=instant_or_never(review.reviewed_at),
        deadline_at=instant_or_never(review.deadline_at),
        created_at=instant(review.created_at),
        updated_at=instant(review.updated_at),
        parent_review_id=shown_if("review", review.parent_id),
        outcome=review.outcome.value if review.outcome is not None else "",
        confidence=review.confidence,
        reason=review.reason or "",
        delivery_id=review.delivery_id or "",
        missing_work=raw(review.missing_work) if review.missing_work not in (None, "[]") else None,
        next_round_guidance=review.guidance or "",
        review_text=review.text or "",
        reviewer_session_id=shown_if("sess", review.session_id),
        reviewer_agent_name=review.agent or "",
        reviewer_peer_id=review.peer_id or "",
        reviewer_channel_id=review.channel_id or "",
        reviewed_by=identity_out(judge) if judge is not None else None,
    )


def requested_out(requested: Requested) -> Answer[wire.RequestedAnswer]:
    """A review that was asked for."""
    body = wire.RequestedAnswer(review=review_out(requested.review), created=requested.created)
    return Answer(body, 201 if requested.created else 200)


def verdict_out(judged: Judged) -> wire.VerdictAnswer:
    """A recorded review."""
    run = judged.continuation
    return wire.VerdictAnswer(
        review=review_out(judged.review), continuation_run=run_out(run) if run is not None else None
    )
