"""Reviews and profiles over HTTP: sessions ask for reviews to judge, and people judge too."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runyard.domain.tasks import Task
from tests.support.api import Api, good, refused
from tests.support.judging import ended
from tests.support.stand import Stand
from tests.support.verbs import Json
from tests.support.yard import Yard

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def yard(stand: Stand) -> Yard:
    """The same server's engine."""
    return Yard(stand.store, stand.clock)


def asked(api: Api, yard: Yard, task: Task | None = None, **said: Any) -> Json:
    review: Json = good(api.post(f"/task-runs/{ended(yard, task).run_id}/reviews", said), 201)
    return review


def verdict(outcome: str = "approved", **said: Any) -> Json:
    return {"outcome": outcome, "confidence": 0.5, "reason": "read it", "delivery_id": "1", **said}


def test_a_session_asks_judges_and_the_work_goes_on(api: Api, yard: Yard) -> None:
    review = asked(api, yard, reason="look")
    assert (review["status"], review["claimed_at"], review["outcome"]) == ("requested", None, None)
    assert good(api.post(f"/task-runs/{review['run_id']}/reviews"), 200) == review
    session = yard.session("judge", channel="desk")
    claimed = good(api.post("/reviews/claim", {"session_id": session.id, "peer_id": "p"}))["review"]
    assert (claimed["id"], claimed["status"], claimed["session_id"]) == (review["id"], "in_review", session.id)
    assert (claimed["agent"], claimed["channel"], claimed["peer_id"]) == ("judge", "desk", "p")
    assert good(api.post("/reviews/claim", {"session_id": session.id}))["review"] == claimed
    path = f"/reviews/{review['id']}"
    body = verdict("rejected", missing_work=["tests"], session_id=yard.session("other").id)
    refused(api.post(f"{path}/verdict", body), 403, "forbidden")
    judged = good(api.post(f"{path}/verdict", {**body, "session_id": session.id}))
    assert (judged["review"]["judged_by"]["ref"], judged["review"]["missing_work"]) == (session.id, ["tests"])
    run = judged["continuation"]
    assert (run["state"], run["attempt"], run["round"], run["review_id"]) == ("queued", 2, 2, review["id"])
    assert good(api.get(path)) == judged["review"]
    refused(api.post(f"{path}/verdict", verdict()), 409, "conflict")


def test_a_person_judges_what_nobody_took(api: Api, yard: Yard) -> None:
    judged = good(api.post(f"/reviews/{asked(api, yard)['id']}/verdict", verdict(text="fine")))
    assert (judged["continuation"], judged["review"]["judged_by"]["kind"]) == (None, "human")
    assert good(api.post("/reviews/claim", {"session_id": yard.session().id})) == {"review": None}


def test_lists_filter_and_page(api: Api, yard: Yard) -> None:
    task = yard.task()
    first = asked(api, yard, task)
    others = [asked(api, yard, yard.task()) for _ in range(2)]
    everything = [one["id"] for one in [*others[::-1], first]]
    assert [one["id"] for one in api.listed("/reviews", limit=2)] == everything
    session = yard.session()
    good(api.post("/reviews/claim", {"session_id": session.id}))
    for filters in (
        {"task_id": task.id},
        {"run_id": first["run_id"]},
        {"session_id": session.id},
        {"status": "in_review"},
    ):
        assert [one["id"] for one in api.listed("/reviews", **filters)] == [first["id"]], filters
    assert api.listed("/reviews", status="recorded") == api.listed("/reviews", run_id="nothing") == []
    refused(api.get("/reviews", status="lost"), 400)


def test_who_waits_is_given_what_is_asked_for_meanwhile(api: Api, yard: Yard) -> None:
    session, answers = yard.session("judge"), []

    def wait() -> None:
        answers.append(good(api.post("/reviews/claim", {"session_id": session.id, "wait_seconds": 30})))

    thread = threading.Thread(target=wait)
    thread.start()
    review = asked(api, yard)
    thread.join(20)
    assert [one["review"]["id"] for one in answers] == [review["id"]]


@on_sqlite
def test_sessions_that_are_not_there_are_not_found(api: Api, yard: Yard) -> None:
    review = asked(api, yard)
    for wrong in ("nobody", "0199b3c4-0000-7000-8000-00000000a001"):
        refused(api.post("/reviews/claim", {"session_id": wrong}), 404, "not_found")
        refused(api.post(f"/reviews/{review['id']}/verdict", verdict(session_id=wrong)), 404, "not_found")
    refused(api.post("/reviews/claim", {}), 400)
    odd: list[Json] = [{"confidence": 2}, {"outcome": "good"}, {"reason": " "}, {"missing_work": [" "]}]
    for one in odd:
        refused(api.post(f"/reviews/{review['id']}/verdict", {**verdict("blocked"), **one}), 400)
    refused(api.post(f"/task-runs/{review['run_id']}/reviews", {"parent_id": "nothing", "round": 2}), 404)


def test_a_profile_decides_who_works_and_who_judges(api: Api, yard: Yard) -> None:
    task = yard.task()
    path = f"/tasks/{task.id}/profile"
    usual = good(api.get(path))
    assert (usual["created_at"], usual["worker"]["mode"]) == (None, "inherit")
    body = {"worker": {"allowed_agent_names": ["doer", "doer "]}, "review": {"required_capabilities": ["go"]}}
    profile = good(api.put(path, body))
    assert profile["worker"]["allowed_agent_names"] == ["doer"]
    assert good(api.get(path)) == profile
    review = asked(api, yard, task)
    session = yard.session("judge").id
    assert good(api.post("/reviews/claim", {"session_id": session}))["review"] is None
    able = {"session_id": session, "capabilities": ["go"]}
    assert good(api.post("/reviews/claim", able))["review"]["id"] == review["id"]
    assert api.delete(path).status_code == 204
    refused(api.delete(path), 404)
    refused(api.put(path, {"worker": {"mode": "some"}}), 400)
    refused(api.put(path, {"sandbox": {"mode": "ref"}}), 400)
