"""`runyard reviews …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import uuid_utils
from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, RunId
from runyard.cli.ids import review_id, run_id, task_id
from runyard.cli.invocation import Given
from runyard.cli.times import moment, now, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Review

Wanted = Annotated[str, Parameter(name="REVIEW", help="The review's id, or enough of its beginning or end.")]
Outcome = Literal["approved", "rejected", "blocked", "error", "timeout", "invalid_output"]


def list_reviews(
    *,
    status: Annotated[
        Literal["requested", "in_review", "recorded"] | None, Parameter(help="Only reviews that stand so.")
    ] = None,
    task: Annotated[str | None, Parameter(help="Only of this task's runs.")] = None,
    run: Annotated[str | None, Parameter(help="Only of this run.")] = None,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List reviews of runs of tasks, those asked for last first."""
    columns: list[output.Column] = [
        ("id", lambda one: one.id),
        ("status", lambda one: one.status),
        ("outcome", lambda one: one.outcome),
        ("run", lambda one: one.run_id),
        ("round", lambda one: one.round),
        ("judge", lambda one: one.agent or (one.judged_by.ref if one.judged_by else "")),
        ("asked", lambda one: stamp(one.requested_at)),
        ("reason", lambda one: " ".join((one.reason or "").split())),
    ]
    with invocation.client() as client:
        found = client.reviews.list(
            status=status,
            task_id=None if task is None else task_id(client, task),
            run_id=None if run is None else run_id(client, run),
            limit=limit,
        )
        output.many(invocation, found, columns, empty="There are no such reviews.")


def get(review: Wanted, /, *, invocation: Given) -> None:
    """Show a review, and what was said."""
    with invocation.client() as client:
        found = client.reviews.get(review_id(client, review))
    output.one(invocation, found, _fields(found), name=found.id)


def request(
    run: RunId,
    /,
    *,
    reason: Annotated[str | None, Parameter(help="What whoever judges is to look at.")] = None,
    deadline: Annotated[str | None, Parameter(help="Until when, like 2h; or a time.")] = None,
    invocation: Given,
) -> None:
    """Ask for a review of a run of a task that has ended; asked again, it is the review there is."""
    until = None if deadline is None else moment(deadline, now(), ahead=True)
    with invocation.client() as client:
        asked = client.reviews.request(run_id(client, run), reason=reason, deadline_at=until)
    output.one(invocation, asked, _fields(asked), name=asked.id)


def verdict(
    review: Wanted,
    outcome: Annotated[Outcome, Parameter(name="OUTCOME", help="What you say of the run.")],
    /,
    *,
    reason: Annotated[str, Parameter(help="Why.")],
    confidence: Annotated[float, Parameter(help="How sure you are, from 0 to 1.")] = 1.0,
    missing: Annotated[list[str] | None, Parameter(help="What is missing (repeatable).")] = None,
    guidance: Annotated[str | None, Parameter(help="What the next run should know.")] = None,
    invocation: Given,
) -> None:
    """Say what you think of a run; a rejection queues a run that goes on with the work."""
    with invocation.client() as client:
        judged = client.reviews.verdict(
            review_id(client, review),
            outcome,
            confidence=confidence,
            reason=reason,
            # Told by hand each verdict is one of its own; the SDK's repeats of it carry the same.
            delivery_id=str(uuid_utils.uuid7()),
            missing_work=missing,
            guidance=guidance,
        )
    goes_on = judged.continuation
    more: list[tuple[str, object]] = [("goes on in", goes_on.id if goes_on is not None else None)]
    output.one(invocation, judged, _fields(judged.review) + more, name=goes_on.id if goes_on else judged.review.id)


def _fields(one: Review) -> list[tuple[str, object]]:
    return [
        ("id", one.id),
        ("status", one.status),
        ("outcome", one.outcome),
        ("reason", one.reason),
        ("missing", "\n".join(one.missing_work)),
        ("guidance", one.guidance),
        ("text", one.text),
        ("confidence", one.confidence),
        ("run", one.run_id),
        ("task", one.task_id),
        ("round", one.round),
        ("of ends", one.policy),
        ("session", one.session_id),
        ("judge", one.agent or (one.judged_by.ref if one.judged_by else None)),
        ("asked", stamp(one.requested_at)),
        ("deadline", stamp(one.deadline_at)),
        ("judged", stamp(one.reviewed_at)),
    ]
