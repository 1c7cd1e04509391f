"""Reviews of runs that ended are asked for once in each round and attempt, and listed by index."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.errors import Conflict, NotFound
from runyard.domain.reviews import ReviewPolicy, ReviewStatus, applies
from runyard.domain.tasks import Stage, Task
from runyard.engine.tasks import deleting, reviews
from runyard.engine.tasks.reviews import MOST, NewReview, Requested
from runyard.storage.statements import reviews as sql
from tests.support.judging import ended
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import PERSON, Yard


def ask(yard: Yard, run_id: str, *, project_id: int = 1, **new: Any) -> Requested:
    return yard.store.transact(reviews.request, project_id, run_id, NewReview(**new), PERSON)


def ids(yard: Yard, **filters: Any) -> list[str]:
    return [one.id for one in yard.store.look(reviews.page, 1, **filters)]


def of(yard: Yard, task: Task) -> list[str]:
    return [one.id for one in yard.store.look(reviews.of_task, 1, task.id)]


def test_a_policy_says_which_ends_are_judged():
    ends = (Stage.COMPLETED, Stage.FAILED, Stage.CANCELED)
    assert [applies(ReviewPolicy.ALWAYS, one) for one in ends] == [True, True, True]
    assert [applies(ReviewPolicy.ON_SUCCESS, one) for one in ends] == [True, False, False]
    assert [applies(ReviewPolicy.ON_FAILURE, one) for one in ends] == [False, True, True]
    assert not any(applies(policy, Stage.NEEDS_ATTENTION) for policy in ReviewPolicy)


def test_a_run_has_a_review_of_each_round_and_attempt(yard: Yard):
    row = ended(yard)
    first = ask(yard, row.run_id)
    assert (first.created, first.review.worker_id) == (True, row.session_id)
    assert ask(yard, row.run_id, reason="again").review == first.review
    others = [ask(yard, row.run_id, round=2), ask(yard, row.run_id, attempt=2)]
    assert len({one.review.id for one in (first, *others) if one.created}) == 3
    for round_ in range(3, MOST):
        ask(yard, row.run_id, round=round_)
    with pytest.raises(Conflict, match="the most"):
        ask(yard, row.run_id, round=MOST)
    assert not ask(yard, row.run_id, round=2).created


def test_a_review_is_activity_of_its_task(yard: Yard):
    row = ended(yard)
    yard.clock.forward(minutes=1)
    ask(yard, row.run_id)
    assert yard.task_now(row.task_id).active_at == yard.clock.now()


def test_what_is_another_projects_is_not_there(yard: Yard):
    row = ended(yard)
    review = ask(yard, row.run_id).review
    with pytest.raises(NotFound):
        ask(yard, row.run_id, project_id=2)
    with pytest.raises(NotFound):
        yard.store.look(reviews.find, 2, review.id)
    with pytest.raises(NotFound):
        ask(yard, yard.create().id)
    assert yard.store.look(reviews.of_run, 2, row.run_id) == yard.store.look(reviews.page, 2) == []


def test_lists_filter_and_go_on(yard: Yard):
    task = yard.task()
    mine = [ask(yard, ended(yard, task).run_id, round=one).review for one in (1, 2)]
    other = ask(yard, ended(yard).run_id).review
    newest = [other.id, mine[1].id, mine[0].id]
    assert ids(yard) == ids(yard, status=ReviewStatus.REQUESTED) == newest
    assert ids(yard, limit=2) + ids(yard, before=newest[1]) == newest
    assert ids(yard, task_id=task.id) == of(yard, task) == newest[1:]
    assert ids(yard, run_id=mine[0].run_id, status=ReviewStatus.REQUESTED) == newest[2:]
    assert ids(yard, session_id="nobody") == ids(yard, status=ReviewStatus.RECORDED) == []


def test_a_deleted_task_takes_its_reviews_along(yard: Yard):
    task = yard.task()
    ask(yard, ended(yard, task).run_id)
    yard.store.transact(deleting.delete, 1, task.id, PERSON)
    assert ids(yard) == []


@pytest.mark.parametrize(
    ("text", "params", "index"),
    [
        (sql.page_text(None), {"project_id": 1, "before": "g", "n": 5}, "reviews_project"),
        (sql.page_text(ReviewStatus.RECORDED), {"project_id": 1, "before": "g", "n": 5}, "reviews_project"),
        (sql.OF_TASK, {"task_id": "x", "n": 5}, "reviews_task"),
        (sql.BOUND, {"session_id": "x"}, "reviews_bound"),
        (sql.OVERDUE, {"now": 5, "n": 5}, "reviews_deadline"),
        (sql.NEXT_DEADLINE, {}, "reviews_deadline"),
        (sql.OLDEST, {"classes": ["1"], "session_id": "x", "passed": ["y"]}, "reviews_ready"),
        (sql.FREE, {"ids": ["x"], "now": 1}, "reviews_bound"),
    ],
)
def test_nothing_is_found_by_looking_at_all(shelf: Shelf, engine: str, text: str, params: dict[str, Any], index: str):
    assert index in plan(shelf.bare(engine), text, **params)
