"""Verdicts: only a rejection goes on with the work, and what nobody judges in time is recorded as timed out."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.errors import Conflict, Invalid
from runyard.domain.reviews import Review, ReviewOutcome, ReviewStatus, Verdict, check_verdict
from runyard.domain.tasks import TaskStatus
from runyard.engine.sessions import Claimed, IdentityStale
from runyard.engine.tasks import reviews, verdicts
from runyard.engine.tasks.reviews import NewReview
from runyard.engine.tasks.verdicts import Judged
from runyard.loops.reviews import lapse_once
from tests.support.judging import end, ended
from tests.support.yard import PERSON, SECOND, Yard

NO: dict[str, Any] = {"outcome": ReviewOutcome.REJECTED, "guidance": "more tests"}


def said(**more: Any) -> Verdict:
    usual: dict[str, Any] = {
        "outcome": ReviewOutcome.APPROVED,
        "confidence": 1,
        "reason": "read it",
        "delivery_id": "d",
    }
    return Verdict(**usual | more)


def asked(yard: Yard, run_id: str | None = None, **new: Any) -> Review:
    run_id = run_id or ended(yard).run_id
    return yard.store.transact(reviews.request, 1, run_id, NewReview(**new), PERSON).review


def judge(yard: Yard, review: Review, by: Doer = PERSON, **more: Any) -> Judged:
    return yard.store.transact(verdicts.submit, 1, review.id, said(**more), by)


@pytest.mark.parametrize("outcome", [one for one in ReviewOutcome if one is not ReviewOutcome.REJECTED])
def test_only_a_rejection_goes_on_with_the_work(yard: Yard, outcome: ReviewOutcome):
    review = asked(yard)
    judged = judge(yard, review, outcome=outcome)
    assert (judged.review.status, judged.review.outcome, judged.continuation) == (
        ReviewStatus.RECORDED,
        outcome,
        None,
    )
    assert yard.task_now(review.task_id).status is TaskStatus.COMPLETED
    assert [line.type for line in yard.timeline(review.task_id)][-2:] == [
        "task.run_review_recorded",
        f"task.run_review_{outcome}",
    ]


def test_rejected_work_goes_round_by_round_while_attempts_last(yard: Yard):
    task = yard.task(max_attempts=3)
    row = ended(yard, task)
    for attempt in (2, 3):
        judged = judge(yard, asked(yard, row.run_id, round=attempt - 1), **NO)
        assert judged.continuation is not None
        row = judged.continuation.row
        assert (row.attempt, row.round, row.review_id) == (attempt, attempt, judged.review.id)
        row = end(yard, row, how="cancel" if attempt == 3 else "complete")
    assert yard.task_now(task).status is TaskStatus.CANCELED
    last = asked(yard, row.run_id)
    with pytest.raises(Conflict):
        judge(yard, last, **NO)
    assert yard.store.look(reviews.find, 1, last.id) == last
    yard.check()


def test_a_repeated_verdict_changes_nothing(yard: Yard):
    review = asked(yard)
    first = judge(yard, review, **NO)
    again = judge(yard, review, **NO, confidence=0)
    assert again.review == first.review
    assert first.continuation is not None
    assert again.continuation is not None
    assert again.continuation.run.id == first.continuation.run.id
    assert yard.task_now(review.task_id).attempts == 2
    with pytest.raises(Conflict, match="rejected already"):
        judge(yard, review, Doer(Actor("human", "somebody else"), Origin("http", "x")), **NO)
    with pytest.raises(Conflict, match="rejected already"):
        judge(yard, review, **NO | {"missing_work": '["a"]'})


def test_two_that_reject_at_once_queue_one_run(yard: Yard):
    review = asked(yard)
    outcomes: list[Any] = []

    def reject(name: str) -> None:
        try:
            outcomes.append(judge(yard, review, **NO, delivery_id=name))
        except Conflict as refused:
            outcomes.append(refused)

    threads = [threading.Thread(target=reject, args=(f"d{one}",)) for one in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict"] * 3 + ["Judged"]
    assert yard.task_now(review.task_id).attempts == 2


def test_a_session_judges_under_its_own_name(yard: Yard):
    review, session = asked(yard), yard.session("reviewer")
    who = Claimed(session_id=session.id, agent=None)
    judged = yard.store.transact(verdicts.submit_as, 1, review.id, said(), who, PERSON.origin)
    assert judged.review.judge == Actor("agent_session", session.id)
    nobody = Claimed(session_id="nobody", agent=None)
    with pytest.raises(IdentityStale):
        yard.store.transact(verdicts.submit_as, 1, review.id, said(), nobody, PERSON.origin)


def test_what_nobody_judges_in_time_times_out(yard: Yard):
    now = yard.clock.now()
    late = [asked(yard, deadline_at=now + 10 * SECOND) for _ in range(3)]
    later, never, done = asked(yard, deadline_at=now + 11 * SECOND), asked(yard), asked(yard, deadline_at=now + SECOND)
    judge(yard, done)
    assert yard.store.look(verdicts.next_deadline) == now + 10 * SECOND
    assert yard.store.transact(verdicts.lapse) == 0
    yard.clock.forward(seconds=10)
    assert [yard.store.transact(verdicts.lapse, 2) for _ in range(3)] == [2, 1, 0]
    for one in late:
        found = yard.store.look(reviews.find, 1, one.id)
        assert (found.status, found.outcome, found.reviewed_at) == ("recorded", "timeout", yard.clock.now())
        assert yard.timeline(one.task_id)[-1].type == "task.run_review_timeout"
        assert yard.task_now(one.task_id).active_at == yard.clock.now()
    assert yard.store.look(reviews.find, 1, later.id) == later
    assert yard.store.look(reviews.find, 1, never.id) == never
    with pytest.raises(Conflict, match="timeout already"):
        judge(yard, late[0])


def test_the_loop_rests_until_the_next_deadline(yard: Yard):
    assert asyncio.run(lapse_once(yard.store)) == 5
    review = asked(yard, deadline_at=yard.clock.now() + 2 * SECOND)
    assert asyncio.run(lapse_once(yard.store)) == 2
    yard.clock.forward(seconds=2)
    assert asyncio.run(lapse_once(yard.store)) == 0
    assert yard.store.look(reviews.find, 1, review.id).outcome is ReviewOutcome.TIMEOUT


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"confidence": 1.1}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"reason": ""}, "reason"),
        ({"delivery_id": ""}, "delivery_id"),
        ({"delivery_id": "ü" * 129}, "256"),
        ({"missing_work": '["a"]'}, "approved"),
        ({"outcome": ReviewOutcome.ERROR, "missing_work": '[" "]'}, "blank"),
        ({"outcome": ReviewOutcome.REJECTED}, "rejection"),
    ],
)
def test_verdicts_that_say_too_little_or_too_much(wrong: dict[str, Any], word: str):
    with pytest.raises(Invalid, match=word):
        check_verdict(said(**wrong))
