"""One verb for many runs (contract §13)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.jobs import Rate
from runyard.domain.policy import Policy
from runyard.domain.states import RunState
from runyard.engine import bulks
from tests.dialects.strait.client import Strait, good, refused
from tests.support.yard import SECOND, Yard

NOBODY = "0190b0b0-0000-7000-8000-000000000000"
S = RunState
ONCE = Policy(max_attempts=1, dead_letter=False)


def statuses(strait: Strait, *runs: Any) -> list[str]:
    return [strait.status(run.id) for run in runs]


# bulk-cancel


def test_each_run_has_its_result_with_the_failures_first(strait: Strait, yard: Yard) -> None:
    live, other = yard.create(), yard.pause(yard.create())
    done = yard.running(priority=9)
    yard.complete(done)
    dead = yard.buried(priority=9)
    asked = [live.id, NOBODY, done.run.id, "nonsense", other.id, dead.id, live.id]
    body = good(strait.post("/v1/runs/bulk-cancel", {"run_ids": asked}))
    assert [(one["id"], one["status"]) for one in body["results"]] == [
        (NOBODY, "failed"),
        (done.run.id, "completed"),
        ("nonsense", "failed"),
        (dead.id, "dead_letter"),
        (live.id, "canceled"),
        (other.id, "canceled"),
    ]
    assert [("error" in one) for one in body["results"]] == [True] * 4 + [False] * 2
    assert (body["total"], body["canceled"], body["failed"]) == (6, 2, 4)
    assert strait.see(live.id)["error"] == "canceled by user (bulk)"


def test_a_canceled_run_counts_as_failed(strait: Strait, yard: Yard) -> None:
    run = yard.cancel(yard.create())
    body = good(strait.post("/v1/runs/bulk-cancel", {"run_ids": [run.id]}))
    assert body["results"][0] == {"id": run.id, "status": "canceled", "error": body["results"][0]["error"]}
    assert (body["canceled"], body["failed"]) == (0, 1)


def test_paused_runs_are_canceled_too_and_direct_children_with_them(strait: Strait, yard: Yard) -> None:
    top = yard.pause(yard.create())
    child = yard.create(parent_id=top.id)
    grandchild = yard.create(parent_id=child.id)
    good(strait.post("/v1/runs/bulk-cancel", {"run_ids": [top.id]}))
    assert statuses(strait, top, child, grandchild) == ["canceled", "canceled", "queued"]


def test_a_child_named_beside_its_parent_is_canceled_once(strait: Strait, yard: Yard) -> None:
    top = yard.create()
    child = yard.create(parent_id=top.id)
    body = good(strait.post("/v1/runs/bulk-cancel", {"run_ids": [child.id, top.id]}))
    assert body["canceled"] == 2
    assert yard.story(child) == ["created", "canceled"]


@pytest.mark.parametrize("path", ["bulk-cancel", "bulk-replay"])
@pytest.mark.parametrize("body", [{}, {"run_ids": []}, {"run_ids": ["x"] * 101}, {"run_ids": "x"}, {"run_ids": [1]}])
def test_one_to_a_hundred_runs_are_named(strait: Strait, path: str, body: object) -> None:
    refused(strait.post(f"/v1/runs/{path}", body, loose=True), 400)


def test_another_projects_runs_are_unknown(strait: Strait, stranger: Strait, yard: Yard) -> None:
    run, dead = yard.create(), yard.buried(priority=9)
    body = good(stranger.post("/v1/runs/bulk-cancel", {"run_ids": [run.id]}))
    assert [one["status"] for one in body["results"]] == ["failed"]
    assert good(stranger.post("/v1/runs/bulk-replay", {"run_ids": [run.id]})) == []
    refused(stranger.post("/v1/runs/bulk-dlq-replay", {"run_ids": [dead.id]}), 409)
    refused(stranger.post("/v1/runs/bulk-dlq-replay", {"project_id": "default"}), 403)
    refused(
        stranger.send("POST", "/v1/runs/bulk-cancel-all", {"status": "queued"}, params={"project_id": "default"}), 403
    )
    assert good(stranger.post("/v1/runs/bulk-cancel-all", {"status": "queued"}))["total"] == 0
    assert statuses(strait, run, dead) == ["queued", "dead_letter"]


# bulk-cancel-all


def test_all_runs_not_begun_are_canceled_by_filter(strait: Strait, yard: Yard) -> None:
    yard.job("job")
    made = [
        yard.create(job="job", trigger="cron"),
        yard.create(job="job", trigger="cron", available_at=yard.clock.now() + SECOND),
        yard.create(trigger="cron"),
        yard.create(job="job"),
    ]
    body = good(
        strait.post("/v1/runs/bulk-cancel-all", {"job_id": made[0].job_id, "triggered_by": "cron"}),
    )
    assert body["run_ids"] == [made[1].id, made[0].id]
    assert [(one["id"], one["status"]) for one in body["results"]] == [(one, "canceled") for one in body["run_ids"]]
    assert (body["total"], body["canceled"], body["failed"]) == (2, 2, 0)
    assert statuses(strait, *made) == ["canceled", "canceled", "queued", "queued"]


def test_what_was_begun_is_left_alone_and_nothing_below_is_canceled(strait: Strait, yard: Yard) -> None:
    begun = yard.fail(yard.running())
    given_back = yard.claimed(priority=9)
    yard.release(given_back)
    parent = yard.create()
    child = yard.create(parent_id=parent.id, trigger="spawn")
    body = good(strait.post("/v1/runs/bulk-cancel-all", {"triggered_by": "manual"}))
    assert set(body["run_ids"]) == {parent.id, given_back.run.id}
    assert statuses(strait, begun, child) == ["queued", "queued"]


@pytest.mark.parametrize("status", ["executing", "waiting", "paused", "completed", "dead_letter", "replay_staged"])
def test_other_statuses_match_nothing(strait: Strait, yard: Yard, status: str) -> None:
    yard.in_state(S.RUNNING)
    yard.in_state(S.WAITING)
    assert good(strait.post("/v1/runs/bulk-cancel-all", {"status": status}))["total"] == 0


@pytest.mark.parametrize("body", [{}, {"job_id": ""}, {"status": "sleeping"}, {"status": 5}, []])
def test_a_filter_is_needed(strait: Strait, yard: Yard, body: object) -> None:
    run = yard.create()
    refused(strait.post("/v1/runs/bulk-cancel-all", body, loose=True), 400)
    assert strait.status(run.id) == "queued"


def test_many_runs_are_canceled_slice_by_slice(strait: Strait, yard: Yard) -> None:
    made = yard.create_many(bulks.SLICE * 2 + 5)
    body = good(strait.post("/v1/runs/bulk-cancel-all", {"status": "queued"}))
    assert body["run_ids"] == [run.id for run in reversed(made)]


def test_the_internal_secret_cancels_in_the_project_it_names(internal: Strait, strait: Strait, yard: Yard) -> None:
    internal.stand.project("other")
    run = yard.create()
    path = "/v1/runs/bulk-cancel-all"
    assert good(internal.post(path, {"status": "queued"}, params={"project_id": "other"}))["total"] == 0
    assert good(internal.post(path, {"status": "queued"}, params={"project_id": "default"}))["run_ids"] == [run.id]


# bulk-replay


def test_bulk_replay_answers_an_array_of_the_new_runs(strait: Strait, yard: Yard) -> None:
    yard.job("job", policy=ONCE)
    yard.job("off", policy=ONCE)
    old = [yard.fail(yard.running(job="job", payload=str(n))) for n in range(3)]
    disabled = yard.fail(yard.running(job="off"))
    yard.job("off", enabled=False, policy=ONCE)
    done = yard.running(priority=9)
    yard.complete(done)
    asked = [old[2].id, NOBODY, done.run.id, disabled.id, old[0].id, old[1].id, old[0].id]
    body = good(strait.post("/v1/runs/bulk-replay", {"run_ids": asked}))
    assert [run["payload"] for run in body] == [2, 0, 1]
    assert not {run["id"] for run in body} & set(asked)
    assert all(run["triggered_by"] == "manual" for run in body)
    assert good(strait.post("/v1/runs/bulk-replay", {"run_ids": [NOBODY]})) == []


def test_replays_beyond_the_rate_of_their_job_are_left_out(strait: Strait, yard: Yard) -> None:
    yard.job("job", policy=ONCE)
    old = [yard.fail(yard.running(job="job")) for _ in range(4)]
    yard.job("job", policy=ONCE, rate=Rate(max=6, window=60 * SECOND, mode="refuse"))
    body = good(strait.post("/v1/runs/bulk-replay", {"run_ids": [run.id for run in old]}))
    assert len(body) == 2
    assert good(strait.post("/v1/runs/bulk-replay", {"run_ids": [run.id for run in old]})) == []


# bulk-dlq-replay


def test_dead_letters_named_are_queued_again_and_others_passed_over(strait: Strait, yard: Yard) -> None:
    dead = [yard.buried(priority=9) for _ in range(3)]
    live = yard.create()
    body = good(strait.post("/v1/runs/bulk-dlq-replay", {"run_ids": [dead[1].id, live.id, NOBODY, dead[0].id]}))
    assert [run["id"] for run in body["replayed"]] == [dead[1].id, dead[0].id]
    assert body["count"] == 2
    assert all((run["status"], run["attempt"]) == ("queued", 1) for run in body["replayed"])
    assert statuses(strait, *dead) == ["queued", "queued", "dead_letter"]


def test_the_oldest_dead_letters_of_a_project_are_queued_again(strait: Strait, internal: Strait, yard: Yard) -> None:
    dead = [yard.buried(priority=9) for _ in range(4)]
    path = "/v1/runs/bulk-dlq-replay"
    body = good(strait.post(path, {"project_id": "default", "limit": 2}))
    assert [run["id"] for run in body["replayed"]] == [dead[0].id, dead[1].id]
    assert good(internal.post(path, {"project_id": "default", "limit": 0}))["count"] == 2
    refused(strait.post(path, {"project_id": "default"}), 409)


def test_nothing_to_queue_again_is_a_conflict(strait: Strait, yard: Yard) -> None:
    refused(strait.post("/v1/runs/bulk-dlq-replay", {"run_ids": [yard.create().id, NOBODY, "nonsense"]}), 409)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"run_ids": []},
        {"run_ids": [NOBODY], "project_id": "default"},
        {"run_ids": [NOBODY] * 501},
        {"project_id": "default", "limit": 501},
        {"project_id": "default", "limit": -1},
        {"project_id": 5},
        {"limit": 5},
    ],
)
def test_dead_letters_are_named_or_those_of_a_project(strait: Strait, yard: Yard, body: object) -> None:
    yard.buried()
    refused(strait.post("/v1/runs/bulk-dlq-replay", body, loose=True), 400)


def test_five_hundred_dead_letters_go_in_one_step(strait: Strait, yard: Yard) -> None:
    yard.create_many(500)
    for _ in range(5):
        for granted in yard.claim(100):
            yard.start(granted)
            yard.fail(granted, retryable=False)
    body = good(strait.post("/v1/runs/bulk-dlq-replay", {"project_id": "default", "limit": 500}))
    assert body["count"] == 500
    yard.check()
