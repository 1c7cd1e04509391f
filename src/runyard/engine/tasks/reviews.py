"""Reviews of runs that ended: asking for them, and reading them.

Locks are taken in one order: runs, tasks (`engine.tasks.desk`), sessions, reviews. Who asks for a review to judge has
its session locked first, and therefore waits for no task (`engine.tasks.routing`).
"""

from __future__ import annotations

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.reviews import MAX_ROUND, REASON, Review, ReviewPolicy, ReviewStatus, applies, check_bytes
from runyard.domain.tasks import ENDED_STAGES, MAX_ATTEMPTS, Task, TaskRun
from runyard.engine.tasks import desk, routing
from runyard.engine.tasks.timeline import note
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import reviews as sql
from runyard.storage.statements import task_runs as task_runs_sql

MOST = 32
"""How many reviews one run may have."""


class NewReview(msgspec.Struct, frozen=True, kw_only=True):
    """A review to ask for."""

    policy: ReviewPolicy = ReviewPolicy.ALWAYS
    round: int = 1
    attempt: int = 1
    parent_id: str | None = None
    reason: str | None = None
    deadline_at: int | None = None
    task_id: str | None = None
    """The task whose run it is meant to be, where that was said."""


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """A review that was asked for, and whether it was not there before."""

    review: Review
    created: bool


def request(tx: Tx, project_id: int, run_id: str, new: NewReview, by: Doer) -> Requested:
    """Ask for a review of a run that has ended; the one of this round and attempt if there is one.

    Raises `NotFound`, `Invalid`, and `Conflict` for a run that the policy does not let be judged.
    """
    _check(new)
    task, _ = desk.take(tx, project_id, _row(tx, project_id, run_id).task_id)
    # Once more, now that nobody changes it.
    row = _row(tx, project_id, run_id)
    if new.task_id is not None and new.task_id != task.id:
        raise Invalid("the run is one of another task than the one named; leave the task out, or name its own")
    if row.stage not in ENDED_STAGES:
        raise Conflict(f"the run is {row.stage}; only a run that has ended is reviewed")
    if not applies(new.policy, row.stage):
        raise Conflict(f"the run has {row.stage}, and a review under the policy {new.policy} is of other ends")
    if new.parent_id is not None:
        find(tx, project_id, new.parent_id)
    had = sql.of_run(tx, row.run_id, MOST)
    found = next((one for one in had if (one.round, one.attempt) == (new.round, new.attempt)), None)
    if found is not None:
        return Requested(review=found, created=False)
    if len(had) >= MOST:
        raise Conflict(f"the run has {MOST} reviews already, which is the most a run may have")
    return Requested(review=_make(tx, task, row, new, by), created=True)


def find(tx: Tx, project_id: int, review_id: str) -> Review:
    """The review. Raises `NotFound`."""
    review = sql.get(tx, [review_id]).get(review_id) if "\0" not in review_id else None
    if review is None or review.project_id != project_id:
        raise NotFound(f"there is no review {review_id[:128]!r} in this project")
    return review


def of_run(tx: Tx, project_id: int, run_id: str) -> list[Review]:
    """The run's reviews, the newest changed first; none where there is no such run."""
    found = sql.of_run(tx, run_id, MOST) if "\0" not in run_id else []
    return [one for one in found if one.project_id == project_id]


def of_task(tx: Tx, project_id: int, task_id: str) -> list[Review]:
    """The reviews of all the task's runs, the newest changed first; none where there is no such task."""
    found = sql.of_task(tx, task_id, MOST * MAX_ATTEMPTS) if "\0" not in task_id else []
    return [one for one in found if one.project_id == project_id]


def page(
    tx: Tx,
    project_id: int,
    *,
    status: ReviewStatus | None = None,
    task_id: str | None = None,
    run_id: str | None = None,
    session_id: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Review]:
    """The project's reviews, those asked for last first, from below the given id on."""
    return sql.page(
        tx,
        project_id,
        status=status,
        task_id=task_id,
        run_id=run_id,
        session_id=session_id,
        before=before or BEYOND,
        n=limit,
    )


def _check(new: NewReview) -> None:
    for name, number in (("round", new.round), ("attempt", new.attempt)):
        if not 1 <= number <= MAX_ROUND:
            raise Invalid(f"the {name} of a review must be from 1 to {MAX_ROUND}, not {number}")
    check_bytes("the reason", new.reason, REASON)


def _row(tx: Tx, project_id: int, run_id: str) -> TaskRun:
    row = task_runs_sql.get(tx, [run_id]).get(run_id) if "\0" not in run_id else None
    if row is None or row.project_id != project_id:
        raise NotFound(f"there is no run {run_id[:128]!r} of a task in this project")
    return row


def _make(tx: Tx, task: Task, row: TaskRun, new: NewReview, by: Doer) -> Review:
    nothing = dict.fromkeys(Review.__struct_fields__)
    known = {
        "id": tx.new_id(),
        "project_id": task.project_id,
        "task_id": task.id,
        "run_id": row.run_id,
        "class_id": routing.class_of(tx, task),
        "worker_id": row.session_id or (row.claimer_ref if row.claimer_kind == "agent_session" else None),
        "policy": new.policy,
        "round": new.round,
        "attempt": new.attempt,
        "status": ReviewStatus.REQUESTED,
        "parent_id": new.parent_id,
        "reason": new.reason,
        "deadline_at": new.deadline_at,
        "requested_at": tx.now,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    review = Review(**nothing | known)  # type: ignore[arg-type]
    sql.add(tx, review)
    desk.write_one(tx, task, msgspec.structs.replace(task, active_at=tx.now))
    said = {
        "review_id": review.id,
        "run_id": review.run_id,
        "policy": review.policy,
        "review_round": review.round,
        "attempt": review.attempt,
        "created": True,
    }
    note(tx, task, "task.run_review_requested", by, said, run_id=review.run_id)
    routing.wake(tx, [review.project_id])
    if review.deadline_at is not None and review.deadline_at < tx.now + routing.CLOSE:
        tx.wake(routing.DEADLINES)
    return review
