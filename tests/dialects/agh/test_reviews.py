"""Reviews over HTTP (contract §17, ruling 5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runyard.dialects.agh.mapping.values import NEVER, instant, shown
from runyard.domain.tasks import Task
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import routing, verdicts
from tests.dialects.agh.client import Agh, good, refused
from tests.support.judging import ended
from tests.support.verbs import Json
from tests.support.yard import Yard

NOBODY = "review-" + "0" * 32
SECOND = 1_000_000
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def yard(agh: Agh) -> Yard:
    """The same server's engine."""
    return Yard(agh.stand.store, agh.stand.clock)


def run_of(yard: Yard, task: Task | None = None, **how: Any) -> str:
    """A run that has ended, by its id on the wire."""
    return shown("run", ended(yard, task, **how).run_id)


def requested(agh: Agh, run: str, **said: Any) -> Json:
    review: Json = good(agh.post(f"/api/task-runs/{run}/reviews", said, loose=True), 201)["review"]
    return review


def verdict(review: Json, outcome: str = "approved", **said: Any) -> Json:
    body = {"outcome": outcome, "confidence": 0.75, "reason": "as asked", "delivery_id": "one"}
    return {"run_id": review["run_id"], "verdict": body | said}


def submit(agh: Agh, review: Json, outcome: str = "approved", **said: Any) -> Any:
    return agh.post(f"/api/task-reviews/{review['review_id']}/verdict", verdict(review, outcome, **said))


def types(agh: Agh, task: str) -> list[str]:
    """What the timeline tells of reviews."""
    lines = good(agh.get(f"/api/tasks/{task}/timeline"))["timeline"]
    return [one["event_type"] for one in lines if "review" in one["event_type"]]


def claim(agh: Agh, **session: Any) -> Agh:
    """A new session that was given the next review, as a client."""
    made = agh.session(**session)
    ask = routing.Ask(project_id=agh.project, who=Claimed(session_id=made.id, agent=made.agent))
    assert agh.stand.store.transact(routing.claim, ask) is not None
    return agh.as_session(made)


def test_a_review_is_asked_for_once_in_each_round_and_attempt(agh: Agh, yard: Yard) -> None:
    run = run_of(yard)
    path = f"/api/task-runs/{run}/reviews"
    first = good(agh.post(path, {"run_id": run, "reason": "  look  ", "deadline_at": NEVER}, loose=True), 201)
    review = first["review"]
    assert (first["created"], review["status"], review["policy"], review["reason"]) == (
        True,
        "requested",
        "always",
        "look",
    )
    assert (review["review_round"], review["attempt"]) == (1, 1)
    assert {review[name] for name in ("routed_at", "started_at", "reviewed_at", "deadline_at")} == {NEVER}
    assert not review.keys() & {"outcome", "confidence", "missing_work", "reviewed_by", "reviewer_session_id"}
    again = good(agh.post(path), 200)
    assert (again["created"], again["review"]) == (False, review)
    other = good(agh.post(path, {"review_round": 2, "parent_review_id": review["review_id"]}, loose=True), 201)
    assert (other["review"]["review_round"], other["review"]["parent_review_id"]) == (2, review["review_id"])
    good(agh.post(path, {"attempt": 2, "policy": "ON_SUCCESS"}, loose=True), 201)
    assert good(agh.get(f"/api/task-reviews/{review['review_id']}"))["review"] == review
    assert types(agh, review["task_id"]) == ["task.run_review_requested"] * 3


def test_only_ended_runs_are_reviewed_and_as_their_policy_says(agh: Agh, yard: Yard) -> None:
    done, failed = run_of(yard), run_of(yard, how="fail")
    refused(agh.post(f"/api/task-runs/{done}/reviews", {"policy": "on_failure"}, loose=True), 409, "on_failure")
    refused(agh.post(f"/api/task-runs/{failed}/reviews", {"policy": "on_success"}, loose=True), 409)
    requested(agh, failed, policy="on_failure")
    requested(agh, run_of(yard, how="cancel"), policy="on_failure")
    open_run = shown("run", yard.queue(yard.task()).run_id)
    refused(agh.post(f"/api/task-runs/{open_run}/reviews"), 409, "queued")


@on_sqlite
def test_requests_that_make_no_sense_are_refused(agh: Agh, yard: Yard, stranger: Agh) -> None:
    run = run_of(yard)
    path = f"/api/task-runs/{run}/reviews"
    for body, status, word in (
        ({"policy": "none"}, 400, "policy"),
        ({"policy": "often"}, 400, "on_success"),
        ({"review_round": -1}, 400, "round"),
        ({"attempt": 10**9}, 400, "attempt"),
        ({"attempt": "1"}, 400, "attempt"),
        ({"run_id": "run-" + "0" * 32}, 400, "run_id"),
        ({"run_id": "mine"}, 400, "run_id"),
        ({"task_id": "task-" + "0" * 32}, 400, "another task"),
        ({"reason": "ü" * 2049}, 400, "4096"),
        ({"deadline_at": "tomorrow"}, 400, "deadline_at"),
        ({"parent_review_id": NOBODY}, 404, "review"),
        ({"parent_review_id": "x" * 257}, 400, "256"),
    ):
        refused(agh.post(path, body, loose=True), status, word)
    for wrong in ("run-" + "0" * 32, "run-1", NOBODY, "%00", "x" * 200):
        refused(agh.post(f"/api/task-runs/{wrong}/reviews"), 404)
    refused(stranger.post(path), 404)
    assert good(agh.get(path))["reviews"] == []


def test_lists_show_the_newest_change_first_and_filter(agh: Agh, yard: Yard, stranger: Agh) -> None:
    run = run_of(yard)
    first = requested(agh, run)
    agh.stand.clock.forward(seconds=1)
    second = requested(agh, run, attempt=2)
    agh.stand.clock.forward(seconds=1)
    judge = claim(agh)
    bound = judge.headers["x-agh-session-id"]
    for path in (f"/api/task-runs/{run}/reviews", f"/api/tasks/{first['task_id']}/reviews"):
        listed = good(agh.get(path))["reviews"]
        assert [one["review_id"] for one in listed] == [first["review_id"], second["review_id"]]
        assert good(agh.get(path, limit=1))["reviews"] == listed[:1]
        assert good(agh.get(path, status="in_review"))["reviews"] == listed[:1]
        assert good(agh.get(path, reviewer_session_id=bound))["reviews"] == listed[:1]
        assert good(agh.get(path, status="canceled"))["reviews"] == []
        assert good(agh.get(path, reviewer_session_id="nobody"))["reviews"] == []
        assert good(stranger.get(path))["reviews"] == []
        refused(agh.get(path, status="lost"), 400, "requested")
        refused(agh.get(path, limit="-1"), 400, "limit")
    for path in ("/api/task-runs/x/reviews", f"/api/tasks/task-{'0' * 32}/reviews", "/api/tasks/nothing/reviews"):
        assert good(agh.get(path))["reviews"] == []


def test_a_verdict_is_recorded_and_the_same_once_more_is_answered_alike(agh: Agh, yard: Yard) -> None:
    review = requested(agh, run_of(yard))
    answer = good(submit(agh, review, review_text=" long ", missing_work=[]))
    found = answer["review"]
    assert answer.keys() == {"review"}
    assert (found["status"], found["outcome"], found["confidence"]) == ("recorded", "approved", 0.75)
    assert (found["reason"], found["delivery_id"], found["review_text"]) == ("as asked", "one", "long")
    assert found["reviewed_by"] == {"kind": "human", "ref": "local-user"}
    assert found["reviewed_at"] != NEVER
    assert agh.see(review["task_id"])["task"]["status"] == "completed"
    told = ["task.run_review_recorded", "task.run_review_approved"]
    assert types(agh, review["task_id"])[1:] == told
    assert good(submit(agh, review, review_text="long", confidence=0.1)) == answer
    assert types(agh, review["task_id"])[1:] == told * 2
    for said in ({"reason": "no"}, {"delivery_id": "two"}, {"review_text": "other"}):
        refused(submit(agh, review, **{"review_text": "long", **said}), 409, "approved already")
    refused(submit(agh, review, "blocked", review_text="long"), 409)
    refused(submit(agh.as_session(), review, review_text="long"), 409)
    assert good(agh.get(f"/api/task-reviews/{review['review_id']}"))["review"] == found


def test_a_rejection_queues_a_run_that_goes_on(agh: Agh, yard: Yard) -> None:
    task = yard.task(channel="builders")
    review = requested(agh, run_of(yard, task))
    answer = good(submit(agh, review, "rejected", missing_work=["tests"], next_round_guidance="more"))
    run = answer["continuation_run"]
    assert (run["status"], run["attempt"], run["network_channel"]) == ("queued", 2, "builders")
    assert run["metadata"] == {
        "source": "task_run_review",
        "review_id": review["review_id"],
        "outcome": "rejected",
        "parent_run_id": review["run_id"],
    }
    assert answer["review"]["missing_work"] == ["tests"]
    assert agh.see(review["task_id"])["task"]["status"] == "ready"
    assert types(agh, review["task_id"])[1:] == [
        "task.run_review_recorded",
        "task.run_review_rejected",
        "task.run_review_retry_enqueued",
    ]
    lines = good(agh.get(f"/api/tasks/{review['task_id']}/timeline"))["timeline"]
    assert lines[-1]["run"]["id"] == run["id"]
    assert lines[-1]["payload"] == {
        "review_id": review["review_id"],
        "run_id": review["run_id"],
        "continuation_run_id": run["id"],
        "review_round": 2,
    }
    assert "task.run_enqueued" not in [one["event_type"] for one in lines[-3:]]
    again = good(submit(agh, review, "rejected", missing_work=["tests"], next_round_guidance="more"))
    assert again["continuation_run"]["id"] == run["id"]


def test_a_rejection_that_cannot_go_on_records_nothing(agh: Agh, yard: Yard) -> None:
    task = yard.task(max_attempts=1)
    review = requested(agh, run_of(yard, task))
    refused(submit(agh, review, "rejected", next_round_guidance="more"), 409, "attempts")
    assert good(agh.get(f"/api/task-reviews/{review['review_id']}"))["review"] == review
    assert types(agh, review["task_id"]) == ["task.run_review_requested"]
    task = yard.task()
    review = requested(agh, run_of(yard, task))
    yard.queue(task)
    refused(submit(agh, review, "rejected", next_round_guidance="more"), 409, "not ended")
    good(submit(agh, review, "blocked"))


@on_sqlite
def test_verdicts_that_make_no_sense_are_refused(agh: Agh, yard: Yard, stranger: Agh) -> None:
    review = requested(agh, run_of(yard))
    path = f"/api/task-reviews/{review['review_id']}/verdict"
    said = verdict(review)
    refused(agh.post(path), 400, "body")
    for body, word in (
        ({}, "run_id"),
        ({"run_id": review["run_id"]}, "verdict"),
        ({**said, "run_id": "run-" + "0" * 32}, "another run"),
        ({**said, "run_id": "x"}, "another run"),
    ):
        refused(agh.post(path, body, loose=True), 400, word)
    for change, status, word in (
        ({"outcome": "good"}, 400, "approved"),
        ({"outcome": None}, 400, "outcome"),
        ({"confidence": None}, 400, "confidence"),
        ({"confidence": 1.5}, 400, "confidence"),
        ({"confidence": "1"}, 400, "confidence"),
        ({"reason": " "}, 400, "reason"),
        ({"reason": "x" * 4097}, 400, "4096"),
        ({"delivery_id": ""}, 400, "delivery_id"),
        ({"delivery_id": "x" * 257}, 400, "256"),
        ({"missing_work": ["tests"]}, 400, "approved"),
        ({"outcome": "error", "missing_work": [" "]}, 400, "blank"),
        ({"outcome": "error", "missing_work": {"a": 1}}, 400, "array"),
        ({"outcome": "error", "missing_work": [1]}, 400, "array"),
        ({"outcome": "error", "missing_work": ["x" * 65536]}, 413, "65536"),
        ({"outcome": "rejected"}, 400, "rejection"),
        ({"next_round_guidance": "x" * 8193}, 400, "8192"),
        ({"review_text": "x" * 65537}, 400, "65536"),
    ):
        refused(agh.post(path, verdict(review, **change), loose=True), status, word)
    refused(agh.send("POST", path, content=b'{"run_id": "x", "verdict": {"confidence": NaN}}'), 400)
    for wrong in (NOBODY, "review-1", review["run_id"], "%00"):
        refused(agh.post(f"/api/task-reviews/{wrong}/verdict", said), 404)
        refused(agh.get(f"/api/task-reviews/{wrong}"), 404)
    refused(stranger.post(path, said), 404)
    refused(stranger.get(f"/api/task-reviews/{review['review_id']}"), 404)
    assert good(agh.get(f"/api/task-reviews/{review['review_id']}"))["review"] == review


def test_what_a_session_judges_is_its_own_and_peoples(agh: Agh, yard: Yard) -> None:
    review = requested(agh, run_of(yard))
    judge = claim(agh, agent="reviewer")
    found = good(agh.get(f"/api/task-reviews/{review['review_id']}"))["review"]
    assert (found["status"], found["reviewer_agent_name"]) == ("in_review", "reviewer")
    assert found["routed_at"] == found["started_at"] != NEVER
    assert found["reviewer_session_id"] == judge.headers["x-agh-session-id"]
    assert types(agh, review["task_id"])[1:] == ["task.run_review_bound"]
    refused(submit(agh.as_session(), review), 403, "session")
    recorded = good(submit(judge, review))["review"]
    assert recorded["reviewed_by"] == {"kind": "agent_session", "ref": judge.headers["x-agh-session-id"]}
    other = requested(agh, run_of(yard))
    claim(agh)
    assert good(submit(agh, other))["review"]["reviewed_by"]["kind"] == "human"
    unbound = requested(agh, run_of(yard))
    good(submit(agh.as_session(), unbound))


def test_the_deadline_records_a_timeout(agh: Agh, yard: Yard) -> None:
    deadline = instant(agh.stand.clock.now() + 60 * SECOND)
    review = requested(agh, run_of(yard), deadline_at=deadline)
    assert review["deadline_at"] == deadline
    agh.stand.clock.forward(seconds=60)
    agh.stand.store.transact(verdicts.lapse)
    found = good(agh.get(f"/api/task-reviews/{review['review_id']}"))["review"]
    assert (found["status"], found["outcome"], found["reviewed_by"]["kind"]) == ("recorded", "timeout", "daemon")
    assert types(agh, review["task_id"])[1:] == ["task.run_review_recorded", "task.run_review_timeout"]
    refused(submit(agh, review), 409, "timeout")


@on_sqlite
def test_the_same_request_under_one_key_is_answered_alike(agh: Agh, yard: Yard) -> None:
    run = run_of(yard)
    once = agh.saying(idempotency_key="once")
    first = once.post(f"/api/task-runs/{run}/reviews")
    again = once.post(f"/api/task-runs/{run}/reviews")
    assert (first.status_code, first.content) == (again.status_code, again.content) == (201, first.content)
    assert json.loads(again.content)["created"]


@on_sqlite
def test_readers_do_not_judge(agh: Agh, yard: Yard) -> None:
    review = requested(agh, run_of(yard))
    reader = agh.with_scopes("task:read")
    good(reader.get(f"/api/task-reviews/{review['review_id']}"))
    refused(submit(reader, review), 403, "task:write")
    refused(reader.post(f"/api/task-runs/{review['run_id']}/reviews"), 403)
