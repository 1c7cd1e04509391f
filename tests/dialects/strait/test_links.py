"""Dependencies, event waits, spawned and continued runs, as the contract has them (§14, §15, §20)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runyard.engine import dependencies, projects
from tests.dialects.strait.client import Strait, Worker, good, refused, strait_key

Json = dict[str, Any]


def waiting(strait: Strait, key: str = "paid", **said: Any) -> Worker:
    """A run that waits for an event."""
    worker = strait.executing()
    good(worker.call("wait-for-event", {"event_key": key, **said}))
    return worker


# Dependencies


def depend(strait: Strait, job: Json, on: Json, **said: Any) -> Json:
    """Let a job wait for another."""
    made: Json = good(strait.post(f"/v1/jobs/{job['id']}/dependencies", {"depends_on_job_id": on["id"], **said}), 201)
    return made


def test_14_a_run_waits_until_the_job_its_job_depends_on_has_completed(strait: Strait) -> None:
    first, after = strait.job(), strait.job()
    made = depend(strait, after, first)
    assert (made["job_id"], made["depends_on_job_id"], made["condition"]) == (after["id"], first["id"], "completed")
    run = strait.run(after)
    assert run["status"] == "waiting"
    status = good(strait.get(f"/v1/runs/{run['id']}/dependency-status"))
    assert (status["status"], status["dependencies"], status["dependencies_satisfied"]) == ("waiting", [made], False)
    strait.complete(strait.start(strait.run(first)))
    assert strait.status(run) == "queued"
    assert good(strait.get(f"/v1/runs/{run['id']}/dependency-status"))["dependencies_satisfied"]


def test_14_waiting_runs_never_expire(strait: Strait) -> None:
    first, after = strait.job(), strait.job(run_ttl_secs=60)
    depend(strait, after, first)
    run = strait.run(after)
    strait.tick(hours=100)
    assert strait.status(run) == "waiting"


@pytest.mark.parametrize("body", [{}, {"depends_on_job_id": "gone"}, {"depends_on_job_id": 1}, {"condition": "any"}])
def test_14_bad_dependencies_are_refused(strait: Strait, stranger: Strait, body: Json) -> None:
    job = strait.job()
    path = f"/v1/jobs/{job['id']}/dependencies"
    refused(strait.post(path, body), 400)
    refused(strait.post(path, {"depends_on_job_id": job["id"]}), 400)
    refused(strait.post(path, {"depends_on_job_id": strait.job()["id"], "condition": "odd"}), 400)
    foreign = stranger.job(project_id="other")
    refused(strait.post(path, {"depends_on_job_id": foreign["id"]}), 400)
    refused(stranger.post(path, {"depends_on_job_id": foreign["id"]}), 404)


def test_dependencies_are_listed_and_removed(strait: Strait) -> None:
    job = strait.job()
    made = [depend(strait, job, strait.job(), condition=condition) for condition in ("completed", "failed", "any")]
    path = f"/v1/jobs/{job['id']}/dependencies"
    page = good(strait.get(path, limit=2))
    assert (page["data"], page["has_more"]) == ([made[2], made[1]], True)
    assert good(strait.get(path, cursor=page["next_cursor"]))["data"] == [made[0]]
    run = strait.run(job)
    for one in made:
        assert strait.status(run) == "waiting"
        assert strait.delete(f"{path}/{one['id']}").status_code == 204
    assert strait.status(run) == "queued"
    refused(strait.delete(f"{path}/{made[0]['id']}"), 404)


def test_deleting_a_job_takes_its_dependencies_along(strait: Strait) -> None:
    first, after = strait.job(), strait.job()
    depend(strait, after, first)
    run = strait.run(after)
    assert strait.delete(f"/v1/jobs/{first['id']}").status_code in {200, 204}
    while strait.stand.store.transact(dependencies.settle):
        pass
    assert strait.status(run) == "queued"
    assert good(strait.get(f"/v1/jobs/{after['id']}/dependencies"))["data"] == []


# Event waits


def test_20_a_run_waits_for_an_event_and_goes_on_in_the_same_attempt(strait: Strait) -> None:
    worker = strait.executing()
    reply = good(worker.call("wait-for-event", {"event_key": "paid"}))
    assert (reply["status"], reply["event_key"]) == ("waiting", "paid")
    wait = good(strait.get("/v1/events/paid"))
    assert (wait["id"], wait["status"], wait["timeout_secs"]) == (reply["trigger_id"], "waiting", 3600)
    assert (wait["job_run_id"], wait["source_type"], wait["project_id"]) == (worker.run_id, "job_run", "default")
    sent = good(strait.post("/v1/events/paid/send", {"payload": {"n": 1}}))
    assert (sent["status"], sent["response_payload"]) == ("received", {"n": 1})
    run = strait.see(worker.run_id)
    assert (run["status"], run["attempt"]) == ("queued", 1)
    assert good(strait.get("/v1/events/paid")) == sent


def test_20_the_same_event_again_is_fine_and_another_is_a_conflict(strait: Strait) -> None:
    waiting(strait)
    for _ in range(2):
        good(strait.post("/v1/events/paid/send", {"payload": {"a": 1, "b": 2}}))
    good(strait.post("/v1/events/paid/send", {"payload": {"b": 2, "a": 1}}))
    refused(strait.post("/v1/events/paid/send", {"payload": 2}), 409)
    refused(strait.post("/v1/events/paid/send"), 409)
    refused(strait.post("/v1/events/never/send"), 404)


def test_20_an_event_may_come_without_a_body(strait: Strait) -> None:
    waiting(strait)
    assert "response_payload" not in good(strait.post("/v1/events/paid/send"))
    good(strait.post("/v1/events/paid/send", {}))


def test_20_only_an_executing_run_waits_and_a_key_is_waited_for_once(strait: Strait) -> None:
    granted = strait.claim(strait.run())
    refused(strait.worker(granted).call("wait-for-event", {"event_key": "early"}), 409)
    worker = waiting(strait)
    refused(worker.call("wait-for-event", {"event_key": "other"}), 409)
    refused(strait.executing().call("wait-for-event", {"event_key": "paid"}), 409)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event_key": ""},
        {"event_key": "x" * 513},
        {"event_key": "a\nb"},
        {"event_key": "a\0b"},
        {"event_key": "k", "timeout_secs": 0},
        {"event_key": "k", "timeout_secs": 2_592_001},
        {"event_key": "k", "notify_url": "http://127.0.0.1/"},
        {"event_key": "k", "notify_url": "ftp://example.com/"},
    ],
)
def test_20_bad_waits_are_refused(strait: Strait, body: Json) -> None:
    worker = strait.executing()
    refused(worker.call("wait-for-event", body), 400)
    assert strait.status(worker.run_id) == "executing"


def test_20_a_project_has_only_so_many_waits(strait: Strait) -> None:
    strait.stand.store.transact(projects.update, 1, settings={"max_event_waits": 1})
    waiting(strait)
    refused(strait.executing().call("wait-for-event", {"event_key": "other"}), 429)


def test_20_another_projects_event_is_404(strait: Strait, stranger: Strait) -> None:
    waiting(strait)
    refused(stranger.get("/v1/events/paid"), 404)
    refused(stranger.post("/v1/events/paid/send"), 404)
    refused(stranger.delete("/v1/events/paid"), 404)


def test_20_a_prefix_answers_all_waits_that_begin_so(strait: Strait) -> None:
    workers = [waiting(strait, key) for key in ("order-1", "order-2", "mail-1")]
    reply = good(strait.post("/v1/events/prefix/order-/send", {"payload": True}))
    assert (reply["resolved"], [one["event_key"] for one in reply["triggers"]]) == (2, ["order-1", "order-2"])
    assert [strait.status(worker.run_id) for worker in workers] == ["queued", "queued", "waiting"]
    assert good(strait.post("/v1/events/prefix/order-/send"))["resolved"] == 0


def test_20_deleting_a_wait_cancels_it_and_its_run(strait: Strait) -> None:
    worker = waiting(strait)
    assert good(strait.delete("/v1/events/paid"))["status"] == "canceled"
    assert strait.status(worker.run_id) == "canceled"
    refused(strait.delete("/v1/events/paid"), 409)


def test_20_a_wait_that_expires_ends_with_its_run(strait: Strait) -> None:
    worker = waiting(strait, timeout_secs=60)
    strait.tick(seconds=60)
    assert strait.status(worker.run_id) == "timed_out"
    assert good(strait.get("/v1/events/paid"))["status"] == "timed_out"


def test_20_waits_are_listed_counted_and_purged(strait: Strait) -> None:
    for key in "abc":
        waiting(strait, key)
        strait.stand.clock.forward(seconds=1)
    good(strait.post("/v1/events/a/send"))
    page = good(strait.get("/v1/events", limit=2))
    assert ([one["event_key"] for one in page["data"]], page["has_more"]) == (["c", "b"], True)
    rest = good(strait.get("/v1/events", cursor=page["next_cursor"]))
    assert ([one["event_key"] for one in rest["data"]], rest["has_more"]) == (["a"], False)
    before = good(strait.get("/v1/events", cursor=page["data"][1]["requested_at"]))
    assert [one["event_key"] for one in before["data"]] == ["a"]
    assert [one["event_key"] for one in good(strait.get("/v1/events", status="received"))["data"]] == ["a"]
    assert good(strait.get("/v1/events", source_type="workflow_step"))["data"] == []
    assert good(strait.get("/v1/events", workflow_run_id="x"))["data"] == []
    stats = good(strait.get("/v1/events/stats"))
    assert (stats["total_count"], stats["waiting_count"], stats["received_count"]) == (3, 2, 1)
    assert stats["avg_wait_duration_secs"] == 3
    strait.stand.clock.forward(hours=48)
    body = {"older_than_days": 1}
    assert good(strait.post("/v1/events/purge", {**body, "dry_run": True}))["would_delete"] == 1
    assert good(strait.post("/v1/events/purge", body))["deleted"] == 1
    assert [one["event_key"] for one in good(strait.get("/v1/events"))["data"]] == ["c", "b"]
    refused(strait.post("/v1/events/purge", {"older_than_days": 0}), 400)


def test_20_a_wait_is_followed_until_it_is_decided(strait: Strait) -> None:
    waiting(strait)
    with strait.follow("/v1/events/paid/stream") as follower:
        assert next(follower)["status"] == "waiting"
        threading.Timer(0.1, lambda: strait.post("/v1/events/paid/send", {"payload": 7})).start()
        decided = next(follower)
        assert (decided["status"], decided["response_payload"]) == ("received", 7)
        assert list(follower) == []
    with strait.follow("/v1/events/paid/stream") as follower:
        assert [one["status"] for one in follower] == ["received"]
    refused(strait.get("/v1/events/never/stream"), 404)


def test_20_a_wait_is_followed_with_the_key_in_the_query(strait: Strait) -> None:
    waiting(strait)
    good(strait.post("/v1/events/paid/send"))
    with strait.as_key(None).follow("/v1/events/paid/stream", token=strait.key) as follower:
        assert [one["status"] for one in follower] == ["received"]
    refused(strait.as_key(None).get("/v1/events/paid/stream"), 401)
    refused(strait.as_key(None).get("/v1/events/paid/stream", token="strait_wrong"), 401)
    refused(strait.as_key(None).get("/v1/events/paid", token=strait.key), 401)


def test_20_a_key_may_have_slashes(strait: Strait) -> None:
    """Outside the contract's document, which knows a key as one part of a path."""
    first, second = (waiting(strait, key) for key in ("a/b//c", "a/x"))

    def send(method: str, path: str) -> Json:
        headers = {"authorization": f"Bearer {strait.key}"}
        found: Json = good(strait.stand.http.request(method, f"/strait/v1/events/{path}", headers=headers))
        return found

    assert send("GET", "a/b//c")["job_run_id"] == first.run_id
    assert send("POST", "a/b//c/send")["status"] == "received"
    assert send("POST", "prefix/a/x/send")["resolved"] == 1
    assert strait.status(second.run_id) == "queued"
    waiting(strait, "a/z")
    assert send("DELETE", "a/z")["status"] == "canceled"


# Spawned runs


def test_15_a_child_knows_its_parent(strait: Strait) -> None:
    child, worker = strait.job(), strait.executing()
    body = {"job_slug": child["slug"], "project_id": "default", "payload": {"n": 1}}
    made = good(worker.call("spawn", body), 201)
    assert (made["parent_run_id"], made["triggered_by"], made["status"]) == (worker.run_id, "spawn", "queued")
    assert (made["await_completion"], made["project_id"], made["job_id"]) == (False, "default", child["id"])
    run = strait.see(made["id"])
    assert (run["attempt"], run["job_version"], run["payload"]) == (1, 1, {"n": 1})
    assert strait.status(worker.run_id) == "executing"


def test_15_an_awaiting_parent_is_guarded_by_an_event_wait(strait: Strait) -> None:
    child, worker = strait.job(), strait.executing()
    body = {"job_slug": child["slug"], "project_id": "default", "await_completion": True, "await_timeout_secs": 60}
    made = good(worker.call("spawn", body), 201)
    assert strait.status(worker.run_id) == "waiting"
    guard = good(strait.get(f"/v1/events/{made['await_event_key']}"))
    assert (guard["status"], guard["timeout_secs"], guard["job_run_id"]) == ("waiting", 60, worker.run_id)
    strait.tick(seconds=60)
    assert strait.status(worker.run_id) == "timed_out"
    assert good(strait.get(f"/v1/events/{made['await_event_key']}"))["status"] == "timed_out"


def test_15_a_child_in_another_project_needs_a_key_of_it(strait: Strait, stranger: Strait) -> None:
    child, worker = stranger.job(project_id="other"), strait.executing()
    third = strait_key(strait.stand, project=strait.stand.project("third"))
    other = strait.stand.store.look(projects.find, "other").id
    reader = strait_key(strait.stand, "runs:read", project=other)
    body = {"job_slug": child["slug"], "project_id": "other"}
    refused(worker.call("spawn", body), 400)
    refused(worker.call("spawn", {**body, "target_api_key": "strait_unknown"}), 401)
    refused(worker.call("spawn", {**body, "target_api_key": third}), 403)
    refused(worker.call("spawn", {**body, "target_api_key": reader}), 403)
    refused(worker.call("spawn", {**body, "job_slug": "gone", "target_api_key": stranger.key}), 404)
    made = good(worker.call("spawn", {**body, "target_api_key": stranger.key}), 201)
    assert made["project_id"] == "other"
    assert stranger.see(made["id"])["parent_run_id"] == worker.run_id
    refused(strait.get(f"/v1/runs/{made['id']}"), 404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"job_slug": "x"},
        {"job_slug": "", "project_id": "default"},
        {"job_slug": "x", "project_id": "default", "priority": 11},
        {"job_slug": "x", "project_id": "default", "await_completion": True, "await_timeout_secs": -1},
    ],
)
def test_15_bad_spawns_are_refused(strait: Strait, body: Json) -> None:
    refused(strait.executing().call("spawn", body), 400)


def test_15_an_unknown_job_is_404_and_an_ended_parent_410(strait: Strait) -> None:
    worker = strait.executing()
    body = {"job_slug": "gone", "project_id": "default"}
    refused(worker.call("spawn", body), 404)
    good(worker.call("complete"))
    refused(worker.call("spawn", {**body, "job_slug": strait.job()["slug"]}), 410)


# Continued runs


def test_15_a_continuation_is_part_of_a_chain(strait: Strait) -> None:
    worker = strait.executing(payload={"n": 1}, priority=3)
    run = good(worker.call("continue"), 201)
    assert (run["continuation_of"], run["lineage_depth"], run["triggered_by"]) == (worker.run_id, 1, "manual")
    assert (run["payload"], run["priority"], run["status"]) == ({"n": 1}, 3, "queued")
    assert strait.status(worker.run_id) == "executing"
    for member in (worker.run_id, run["id"]):
        chain = good(strait.get(f"/v1/runs/{member}/lineage"))
        assert [one["id"] for one in chain] == [worker.run_id, run["id"]]


def test_15_state_is_not_copied_to_a_continuation(strait: Strait) -> None:
    worker = strait.executing()
    good(worker.call("state", {"key": "k", "value": 1}), 201)
    run = good(worker.call("continue"), 201)
    assert good(strait.get(f"/v1/runs/{run['id']}/state")) == []


def test_15_a_chain_has_at_most_ten_continuations(strait: Strait) -> None:
    job = strait.job()
    worker = strait.executing(job)
    for depth in range(1, 11):
        run = good(worker.call("continue", {"payload": depth}), 201)
        assert (run["lineage_depth"], run["payload"]) == (depth, depth)
        worker = strait.worker(strait.start())
        assert worker.run_id == run["id"]
    refused(worker.call("continue"), 400)
    assert len(good(strait.get(f"/v1/runs/{run['id']}/lineage"))) == 11


def test_15_only_an_executing_or_waiting_run_is_continued(strait: Strait) -> None:
    granted = strait.claim(strait.run())
    refused(strait.worker(granted).call("continue"), 409)
    good(waiting(strait).call("continue"), 201)
