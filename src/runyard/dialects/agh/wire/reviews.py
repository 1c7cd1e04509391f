"""Shapes of reviews. Fields with a default are left out where they have it (contract §1, §17)."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.wire.runs import Identity, Run

NOTHING = Raw(b"")


class RequestReviewRequest(msgspec.Struct, kw_only=True):
    """A review to ask for."""

    run_id: str | None = None
    task_id: str | None = None
    policy: str | None = None
    review_round: int | None = None
    attempt: int | None = None
    parent_review_id: str | None = None
    reason: str | None = None
    deadline_at: str | None = None


class Verdict(msgspec.Struct, kw_only=True):
    """What somebody says of a run."""

    outcome: str | None = None
    confidence: float | None = None
    reason: str | None = None
    delivery_id: str | None = None
    missing_work: Raw = NOTHING
    next_round_guidance: str | None = None
    review_text: str | None = None


class VerdictRequest(msgspec.Struct, kw_only=True):
    """A verdict on the review of a run."""

    run_id: str | None = None
    verdict: Verdict | None = None


class Review(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A review of a run."""

    review_id: str
    task_id: str
    run_id: str
    policy: str
    review_round: int
    attempt: int
    status: str
    requested_at: str
    routed_at: str
    started_at: str
    reviewed_at: str
    deadline_at: str
    created_at: str
    updated_at: str
    parent_review_id: str = ""
    outcome: str = ""
    confidence: float | None = None
    reason: str = ""
    delivery_id: str = ""
    missing_work: Raw | None = None
    next_round_guidance: str = ""
    review_text: str = ""
    reviewer_session_id: str = ""
    reviewer_agent_name: str = ""
    reviewer_peer_id: str = ""
    reviewer_channel_id: str = ""
    reviewed_by: Identity | None = None


class ReviewAnswer(msgspec.Struct, kw_only=True):
    """A review."""

    review: Review


class RequestedAnswer(msgspec.Struct, kw_only=True):
    """A review that was asked for."""

    review: Review
    created: bool


class ReviewsAnswer(msgspec.Struct, kw_only=True):
    """Reviews of a run or of a task's runs."""

    reviews: list[Review]


class VerdictAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A recorded review, and the run that goes on with rejected work."""

    review: Review
    continuation_run: Run | None = None
    circuit_opened: bool = False
