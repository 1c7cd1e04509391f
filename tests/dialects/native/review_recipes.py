"""Requests that succeed: reviews of runs, and profiles of tasks."""

from __future__ import annotations

from runyard.domain.reviews import Review
from runyard.engine.tasks import reviews
from runyard.engine.tasks.reviews import NewReview
from tests.dialects.native.recipes import Ask, recipe
from tests.dialects.native.scheduler_recipes import PERSON, task_of
from tests.support.api import Api, good
from tests.support.judging import ended
from tests.support.stand import Stand
from tests.support.yard import Yard


def review_of(stand: Stand) -> Review:
    """A review of a new run of project `default`."""
    run_id = ended(Yard(stand.store, stand.clock)).run_id
    return stand.store.transact(reviews.request, 1, run_id, NewReview(), PERSON).review


@recipe
def request_review(stand: Stand, api: Api) -> Ask:
    run_id = ended(Yard(stand.store, stand.clock)).run_id
    return Ask(method="POST", path=f"/task-runs/{run_id}/reviews", body={"reason": "have a look"})


@recipe
def list_reviews(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path="/reviews", params={"task_id": review_of(stand).task_id})


@recipe
def get_review(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/reviews/{review_of(stand).id}")


@recipe
def claim_review(stand: Stand, api: Api) -> Ask:
    review_of(stand)
    session = Yard(stand.store, stand.clock).session("reviewer")
    return Ask(method="POST", path="/reviews/claim", body={"session_id": session.id, "capabilities": ["python"]})


@recipe
def submit_verdict(stand: Stand, api: Api) -> Ask:
    verdict = {"outcome": "approved", "confidence": 0.9, "reason": "tests pass", "delivery_id": "1"}
    return Ask(method="POST", path=f"/reviews/{review_of(stand).id}/verdict", body=verdict)


@recipe
def get_task_profile(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/tasks/{task_of(stand, api)}/profile")


@recipe
def put_task_profile(stand: Stand, api: Api) -> Ask:
    return Ask(method="PUT", path=f"/tasks/{task_of(stand, api)}/profile", body={"worker": {"agent_name": "coder"}})


@recipe
def delete_task_profile(stand: Stand, api: Api) -> Ask:
    path = f"/tasks/{task_of(stand, api)}/profile"
    good(api.put(path, {}))
    return Ask(method="DELETE", path=path)
