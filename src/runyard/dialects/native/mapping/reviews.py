"""Reviews of runs of tasks."""

from __future__ import annotations

import msgspec

from runyard.dialects.native.mapping.task_runs import task_run_out, who_out
from runyard.dialects.native.mapping.values import lenient_id, maybe_micros, maybe_when, when
from runyard.dialects.native.wire import reviews as wire
from runyard.domain import reviews
from runyard.domain.actors import Origin
from runyard.domain.reviews import ReviewOutcome, ReviewPolicy, Verdict, missing_items
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import verdicts
from runyard.engine.tasks.reviews import NewReview, Requested
from runyard.engine.tasks.routing import Ask
from runyard.web.idempotency import Answer

CLAIM, VERDICT = Origin("http", "tasks.claim_review"), Origin("http", "tasks.submit_review")
_json = msgspec.json.Encoder()


def review_in(data: wire.ReviewIn) -> NewReview:
    """The review to ask for."""
    return NewReview(
        policy=ReviewPolicy(data.policy),
        round=data.round,
        attempt=data.attempt,
        parent_id=lenient_id(data.parent_id) if data.parent_id is not None else None,
        reason=data.reason,
        deadline_at=maybe_micros(data.deadline_at),
    )


def ask_in(project_id: int, data: wire.ReviewClaimIn) -> Ask:
    """A request for a review to judge."""
    return Ask(
        project_id=project_id,
        who=Claimed(session_id=lenient_id(data.session_id), agent=None),
        capabilities=frozenset(data.capabilities),
        peer_id=data.peer_id,
        origin=CLAIM,
    )


def verdict_in(data: wire.VerdictIn) -> Verdict:
    """What is said of a run."""
    return Verdict(
        outcome=ReviewOutcome(data.outcome),
        confidence=data.confidence,
        reason=data.reason.strip(),
        delivery_id=data.delivery_id.strip(),
        missing_work=_json.encode(data.missing_work).decode(),
        guidance=data.guidance.strip(),
        text=data.text.strip(),
    )


def review_out(one: reviews.Review) -> wire.Review:
    """A review."""
    return wire.Review(
        id=one.id,
        task_id=one.task_id,
        run_id=one.run_id,
        policy=one.policy.value,
        round=one.round,
        attempt=one.attempt,
        status=one.status.value,
        parent_id=one.parent_id,
        reason=one.reason,
        outcome=one.outcome.value if one.outcome is not None else None,
        confidence=one.confidence,
        delivery_id=one.delivery_id,
        missing_work=missing_items(one),
        guidance=one.guidance,
        text=one.text,
        session_id=one.session_id,
        agent=one.agent,
        peer_id=one.peer_id,
        channel=one.channel_id,
        judged_by=who_out(one.judge),
        requested_at=when(one.requested_at),
        deadline_at=maybe_when(one.deadline_at),
        claimed_at=maybe_when(one.started_at),
        reviewed_at=maybe_when(one.reviewed_at),
        updated_at=when(one.updated_at),
    )


def requested_out(requested: Requested) -> Answer[wire.Review]:
    """A review that was asked for."""
    return Answer(review_out(requested.review), 201 if requested.created else 200)


def judged_out(judged: verdicts.Judged) -> wire.Judged:
    """A recorded review."""
    run = judged.continuation
    return wire.Judged(review=review_out(judged.review), continuation=task_run_out(run) if run is not None else None)
