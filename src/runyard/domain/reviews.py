"""Reviews: what somebody says of a run that ended, and whether it is good enough. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.errors import Invalid, TooLarge
from runyard.domain.records import Json
from runyard.domain.tasks import ENDED_STAGES, Stage

MAX_ROUND = 1_000_000
REASON = 4096
GUIDANCE = 8192
TEXT = 64 << 10
NAME = 256
"""The most bytes of texts; `NAME` is for what names something, `TEXT` also for all that is missing together."""


class ReviewPolicy(StrEnum):
    """Which ends of a run are to be judged."""

    ALWAYS = "always"
    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"


class ReviewStatus(StrEnum):
    """Where a review stands."""

    REQUESTED = "requested"
    IN_REVIEW = "in_review"
    RECORDED = "recorded"


class ReviewOutcome(StrEnum):
    """What came of it."""

    APPROVED = "approved"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    ERROR = "error"
    TIMEOUT = "timeout"
    INVALID_OUTPUT = "invalid_output"


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement of a run, asked for or given. Round and attempt tell the reviews of one run apart."""

    id: str
    project_id: int
    task_id: str
    run_id: str
    class_id: int
    """Who may judge, as `domain.reviewers.Criteria` of a class."""
    worker_id: str | None
    """The session that did the run, which never judges it."""
    policy: ReviewPolicy
    round: int
    attempt: int
    status: ReviewStatus
    parent_id: str | None
    """The review that led to this one."""
    reason: str | None
    """Why it was asked for; once it is recorded, why it came out so."""
    deadline_at: int | None
    session_id: str | None
    """The session that judges; None until one asked for it, and of reviews that nobody was bound to."""
    agent: str | None
    peer_id: str | None
    channel_id: str | None
    outcome: ReviewOutcome | None
    confidence: float | None
    delivery_id: str | None
    """What its judge calls the verdict, so that the same one sent twice is known for a repetition."""
    missing_work: Json | None
    guidance: str | None
    text: str | None
    judge_kind: str | None
    judge_ref: str | None
    requested_at: int
    routed_at: int | None
    started_at: int | None
    reviewed_at: int | None
    created_at: int
    updated_at: int

    @property
    def judge(self) -> Actor | None:
        """Who gave the verdict."""
        if self.judge_kind is None or self.judge_ref is None:
            return None
        return Actor(self.judge_kind, self.judge_ref)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of a run."""

    outcome: ReviewOutcome
    confidence: float
    """How sure that is, from 0 to 1."""
    reason: str
    delivery_id: str
    missing_work: Json = "[]"
    """What has to be done yet: a JSON array of texts."""
    guidance: str = ""
    """What the next round should know."""
    text: str = ""


_items = msgspec.json.Decoder(list[str]).decode


def applies(policy: ReviewPolicy, stage: Stage) -> bool:
    """Whether a run that stands so is to be judged under the policy."""
    match policy:
        case ReviewPolicy.ON_SUCCESS:
            return stage is Stage.COMPLETED
        case ReviewPolicy.ON_FAILURE:
            return stage in (Stage.FAILED, Stage.CANCELED)
        case _:
            return stage in ENDED_STAGES


def check_verdict(verdict: Verdict) -> None:
    """Raise `Invalid` for a verdict that says too little, too much or two things at once, and `TooLarge`."""
    if not 0 <= verdict.confidence <= 1:
        raise Invalid(f"`confidence` must be from 0 to 1, not {verdict.confidence}")
    if not verdict.reason:
        raise Invalid("a verdict needs a `reason` that is not blank")
    if not verdict.delivery_id:
        raise Invalid("a verdict needs a `delivery_id` that is not blank: any text of its own")
    check_bytes("the reason", verdict.reason, REASON)
    check_bytes("the delivery id", verdict.delivery_id, NAME)
    check_bytes("the guidance for the next round", verdict.guidance, GUIDANCE)
    check_bytes("the text", verdict.text, TEXT)
    missing = _missing(verdict.missing_work)
    if verdict.outcome is ReviewOutcome.APPROVED and missing:
        raise Invalid("`missing_work` must be empty where the outcome is approved")
    if verdict.outcome is ReviewOutcome.REJECTED and not missing and not verdict.guidance:
        raise Invalid("a rejection must say what to do: what work is missing, or guidance for the next round")


def check_bytes(what: str, text: str | None, limit: int) -> None:
    """Raise `Invalid` when the text takes more bytes than the limit."""
    size = len(text.encode()) if text is not None else 0
    if size > limit:
        raise Invalid(f"{what} takes {size} bytes; at most {limit} are right")


def _missing(missing_work: Json) -> list[str]:
    size = len(missing_work.encode())
    if size > TEXT:
        raise TooLarge(f"`missing_work` takes {size} bytes; at most {TEXT} are kept")
    try:
        items = _items(missing_work)
    except msgspec.MsgspecError:
        raise Invalid("`missing_work` must be a JSON array of texts") from None
    for place, item in enumerate(items):
        if not item.strip():
            raise Invalid(f"`missing_work` must hold no blank texts, and number {place + 1} is one")
        if "\0" in item:
            raise Invalid("`missing_work` holds a NUL character")
    return items


def missing_items(review: Review) -> list[str]:
    """What has to be done yet, by the verdict."""
    return _items(review.missing_work) if review.missing_work is not None else []


def is_repeated(review: Review, verdict: Verdict, by: Actor) -> bool:
    """Whether the verdict is the one the review has, sent once more by the same; how sure it is does not matter."""
    had = (review.outcome, review.reason, review.delivery_id, review.missing_work, review.guidance, review.text)
    said = (verdict.outcome, verdict.reason, verdict.delivery_id, verdict.missing_work, verdict.guidance, verdict.text)
    return review.judge == by and tuple(one or "" for one in had) == tuple(one or "" for one in said)


def recorded(review: Review, verdict: Verdict, by: Actor, now: int) -> Review:
    """The review with its verdict."""
    return msgspec.structs.replace(
        review,
        status=ReviewStatus.RECORDED,
        outcome=verdict.outcome,
        confidence=verdict.confidence,
        reason=verdict.reason,
        delivery_id=verdict.delivery_id,
        missing_work=verdict.missing_work,
        guidance=verdict.guidance or None,
        text=verdict.text or None,
        judge_kind=by.kind,
        judge_ref=by.ref,
        reviewed_at=now,
        updated_at=now,
    )
