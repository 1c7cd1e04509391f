"""Reviews of runs of tasks."""

from __future__ import annotations

from datetime import datetime

from runyard.sdk.models.model import Model
from runyard.sdk.models.tasks import TaskRun, Who


class Review(Model, frozen=True, kw_only=True):
    """A judgement of a run, asked for or given."""

    id: str
    task_id: str
    run_id: str
    status: str
    policy: str = "always"
    round: int = 1
    attempt: int = 1
    parent_id: str | None = None
    reason: str | None = None
    outcome: str | None = None
    confidence: float | None = None
    delivery_id: str | None = None
    missing_work: list[str] = []
    guidance: str | None = None
    text: str | None = None
    session_id: str | None = None
    agent: str | None = None
    peer_id: str | None = None
    channel: str | None = None
    judged_by: Who | None = None
    requested_at: datetime | None = None
    deadline_at: datetime | None = None
    claimed_at: datetime | None = None
    reviewed_at: datetime | None = None
    updated_at: datetime | None = None


class ReviewClaim(Model, frozen=True, kw_only=True):
    """What was handed out, if there was anything."""

    review: Review | None = None


class Judged(Model, frozen=True, kw_only=True):
    """A recorded review, and the run that goes on with rejected work."""

    review: Review
    continuation: TaskRun | None = None
