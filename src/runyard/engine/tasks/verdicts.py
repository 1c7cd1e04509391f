"""Verdicts: what comes of reviews, said by whoever judges, or by time."""

from __future__ import annotations

import msgspec

from runyard.domain.actors import Doer, Origin, server
from runyard.domain.errors import Conflict, Forbidden, Invalid
from runyard.domain.reviews import Review, ReviewOutcome, ReviewStatus, Verdict, check_verdict, is_repeated, recorded
from runyard.domain.tasks import MAX_ATTEMPTS, Task
from runyard.engine import sessions
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import desk, queueing
from runyard.engine.tasks.reviews import find
from runyard.engine.tasks.timeline import note
from runyard.engine.tasks.views import RunSeen, see_runs
from runyard.storage.port import Tx
from runyard.storage.statements import reviews as sql
from runyard.storage.statements import task_runs as task_runs_sql

LATE = "nobody gave a verdict before the deadline"
_json = msgspec.json.Encoder()


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A review with its verdict, and the run that goes on with the work where that was rejected."""

    review: Review
    continuation: RunSeen | None


def submit(tx: Tx, project_id: int, review_id: str, verdict: Verdict, by: Doer, *, run_id: str | None = None) -> Judged:
    """Record the verdict; a rejection queues a run that goes on with the work.

    The same verdict from the same once more is answered as it was. Raises `NotFound`, `Invalid` or `TooLarge` for a bad
    verdict or another run, `Forbidden` to a session that is not the one that judges, and `Conflict` when there is
    another verdict, or the task takes no further run.
    """
    check_verdict(verdict)
    review = find(tx, project_id, review_id)
    if run_id is not None and run_id != review.run_id:
        raise Invalid("the verdict names another run than the one that is reviewed")
    task, _ = desk.take(tx, project_id, review.task_id)
    # Once more, now that nobody changes it.
    review = sql.lock(tx, [find(tx, project_id, review_id).id])[review_id]
    if by.is_session and review.session_id not in (None, by.actor.ref):
        raise Forbidden("another session judges this run; only that one, or a person, gives the verdict")
    if review.status is ReviewStatus.RECORDED:
        if not is_repeated(review, verdict, by.actor):
            raise Conflict(f"the review was recorded as {review.outcome} already, and differs from this verdict")
        judged = Judged(review=review, continuation=_continuation(tx, task, review))
        _tell(tx, task, judged, by)
        desk.write_one(tx, task, msgspec.structs.replace(task, active_at=tx.now))
        return judged
    continuation = None
    after = recorded(review, verdict, by.actor, tx.now)
    if verdict.outcome is ReviewOutcome.REJECTED:
        # First, because it may be refused.
        task, continuation = _go_on(tx, task, review, by)
    else:
        task = desk.write_one(tx, task, msgspec.structs.replace(task, active_at=tx.now))
    sql.save(tx, [after])
    judged = Judged(review=after, continuation=continuation)
    _tell(tx, task, judged, by)
    return judged


def submit_as(tx: Tx, project_id: int, review_id: str, verdict: Verdict, who: Claimed, origin: Origin) -> Judged:
    """`submit` by a session. Raises also what `sessions.identify` raises."""
    session = sessions.known(tx, project_id, who)
    return submit(tx, project_id, review_id, verdict, Doer(sessions.actor_of(session), origin))


def lapse(tx: Tx, limit: int = 100) -> int:
    """Record as timed out what nobody judged in time (at most `limit`); how many there were."""
    late = sql.overdue(tx, limit)
    if not late:
        return 0
    tasks = desk.take_all(tx, [task_id for _, task_id in late]).tasks
    open_yet = [
        one
        for one in sql.lock(tx, [review_id for review_id, _ in late]).values()
        if one.outcome is None and one.deadline_at is not None and one.deadline_at <= tx.now
    ]
    by = server("reviews.deadline")
    after = [recorded(one, _timeout(one), by.actor, tx.now) for one in open_yet]
    touched = sorted({one.task_id for one in after} & tasks.keys())
    desk.write(tx, [(tasks[one], msgspec.structs.replace(tasks[one], active_at=tx.now)) for one in touched])
    sql.save(tx, after)
    for one in after:
        if one.task_id in tasks:
            _tell(tx, tasks[one.task_id], Judged(review=one, continuation=None), by)
    return len(late)


def next_deadline(tx: Tx) -> int | None:
    """When `lapse` has to work next, if ever."""
    return sql.next_deadline(tx)


def _timeout(review: Review) -> Verdict:
    delivery_id = f"review-deadline:{review.id}"
    return Verdict(outcome=ReviewOutcome.TIMEOUT, confidence=1, reason=LATE, delivery_id=delivery_id)


def _go_on(tx: Tx, task: Task, review: Review, by: Doer) -> tuple[Task, RunSeen]:
    """Queue the run that goes on with rejected work, in the channel of the one before."""
    queueing.check(task)
    metadata = {
        "source": "task_run_review",
        "review_id": review.id,
        "outcome": ReviewOutcome.REJECTED,
        "parent_run_id": review.run_id,
    }
    before = task_runs_sql.get(tx, [review.run_id]).get(review.run_id)
    asked = queueing.Asked(
        channel=before.channel if before is not None else None,
        metadata=_json.encode(metadata).decode(),
        review_id=review.id,
        round=review.round + 1,
        event="",
    )
    task, run, row = queueing.queue(tx, task, by, asked)
    return task, RunSeen(run=run, row=row, task=task)


def _continuation(tx: Tx, task: Task, review: Review) -> RunSeen | None:
    """The run that the review led to."""
    rows = [row for row in task_runs_sql.of_task(tx, task.id, MAX_ATTEMPTS) if row.review_id == review.id]
    return next(iter(see_runs(tx, task, rows[:1])), None)


def _tell(tx: Tx, task: Task, judged: Judged, by: Doer) -> None:
    review, run = judged.review, judged.continuation
    said = {
        "review_id": review.id,
        "run_id": review.run_id,
        "outcome": review.outcome,
        "confidence": review.confidence,
        "delivery_id": review.delivery_id,
        "review_round": review.round,
        "continuation_run_id": run.run.id if run is not None else None,
    }
    for event in ("recorded", review.outcome):
        note(tx, task, f"task.run_review_{event}", by, said, run_id=review.run_id)
    if run is not None:
        said = {
            "review_id": review.id,
            "run_id": review.run_id,
            "continuation_run_id": run.run.id,
            "review_round": run.row.round,
        }
        note(tx, task, "task.run_review_retry_enqueued", by, said, run_id=run.run.id)
