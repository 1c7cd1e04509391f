"""Where the contract's sources disagree: one test for each ruling on runs under way and on what they keep."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.strait.client import Strait, good, ids, refused
from tests.dialects.strait.times import seconds_between
from tests.support.verbs import Json

# §2, §10, §12


def test_2_a_run_that_waited_for_an_event_is_queued_again(strait: Strait) -> None:
    worker = strait.executing()
    good(worker.call("wait-for-event", {"event_key": "paid"}))
    assert strait.status(worker.run_id) == "waiting"
    good(strait.post("/v1/events/paid/send", {"payload": 1}))
    run = strait.see(worker.run_id)
    assert (run["status"], run["attempt"]) == ("queued", 1)


@pytest.mark.parametrize(
    ("fields", "delays"),
    [
        ({}, [1, 2, 4]),
        ({"retry_strategy": "exponential"}, [1, 2, 4]),
        ({"retry_strategy": "linear"}, [1, 2, 3]),
        ({"retry_strategy": "fixed"}, [1, 1, 1]),
        ({"retry_strategy": "custom", "retry_delays_secs": [7, 30]}, [7, 30, 30]),
        ({"retry_strategy": "custom", "retry_delays_secs": []}, [1, 2, 4]),
        ({"retry_strategy": "custom", "retry_delays_secs": [100000]}, [3600]),
    ],
)
def test_10_retries_follow_the_documented_table(strait: Strait, fields: Json, delays: list[int]) -> None:
    run = strait.run(strait.job(max_attempts=4, **fields))
    for number, delay in enumerate(delays, start=1):
        strait.fail(strait.start(run), retryable=True)
        seen = strait.see(run)
        assert (seen["status"], seen["attempt"]) == ("queued", number + 1)
        assert not {"started_at", "finished_at"} & seen.keys()
        now = strait.stand.clock.now() / 1_000_000
        waits = seconds_between("1970-01-01T00:00:00Z", seen["next_retry_at"]) - now
        assert 0.8 * delay <= waits + 0.01
        assert waits <= 1.2 * delay + 0.01
        strait.tick(seconds=waits + 0.1)


def test_12_a_run_whose_heart_stops_is_tried_again_and_crashes_in_the_end(strait: Strait) -> None:
    run = strait.run(strait.job(max_attempts=2, run_ttl_secs=36000))
    strait.start(run)  # it never sends a heartbeat: its start counts
    strait.tick(seconds=200)
    seen = strait.see(run)
    assert (seen["status"], seen["attempt"]) == ("queued", 2)
    strait.tick(seconds=10)
    strait.start(run)
    strait.tick(seconds=200)
    assert strait.status(run) == "crashed"


# §14, §15


def test_14_the_end_of_a_depended_on_run_wakes_only_those_that_wait_for_it(strait: Strait) -> None:
    first, second = strait.job(), strait.job()
    good(
        strait.post(f"/v1/jobs/{second['id']}/dependencies", {"depends_on_job_id": first["id"], "condition": "any"}),
        201,
    )
    done = strait.run(first)
    strait.complete(strait.start(done))
    parked = strait.executing(second)
    good(parked.call("wait-for-event", {"event_key": "paid"}))
    again = strait.run(first)
    strait.complete(strait.start(again))
    assert strait.status(parked.run_id) == "waiting"


def test_14_dependencies_that_close_a_circle_are_refused(strait: Strait) -> None:
    jobs = [strait.job() for _ in range(3)]
    for waits, on in ((0, 1), (1, 2)):
        good(strait.post(f"/v1/jobs/{jobs[waits]['id']}/dependencies", {"depends_on_job_id": jobs[on]["id"]}), 201)
    for waits, on in ((2, 0), (1, 0), (0, 0)):
        refused(strait.post(f"/v1/jobs/{jobs[waits]['id']}/dependencies", {"depends_on_job_id": jobs[on]["id"]}), 400)


def test_15_a_spawned_run_has_its_jobs_current_version(strait: Strait) -> None:
    worker, child = strait.executing(), strait.job()
    good(strait.patch(f"/v1/jobs/{child['id']}", {"timeout_secs": 9}))
    made = good(worker.call("spawn", {"job_slug": child["slug"], "project_id": "default"}), 201)
    current = good(strait.get(f"/v1/jobs/{child['id']}"))
    run = strait.see(made)
    assert (run["job_version"], run["job_version_id"]) == (2, current["version_id"])


@pytest.mark.parametrize("end", ["completed", "failed", "canceled", "dead_letter"])
def test_15_a_parent_goes_on_after_any_end_of_its_children(strait: Strait, end: str) -> None:
    parent, child = strait.executing(), strait.job()
    body = {"job_slug": child["slug"], "project_id": "default", "await_completion": True}
    made = good(parent.call("spawn", body), 201)
    assert made["await_event_key"] == f"spawn-await:{made['id']}"
    assert strait.status(parent.run_id) == "waiting"
    match end:
        case "canceled":
            good(strait.delete(f"/v1/runs/{made['id']}"))
        case "completed":
            strait.complete(strait.start(made))
        case "failed":
            good(strait.worker(strait.start(made)).call("fail", {"error": "no"}))
        case _:
            strait.fail(strait.start(made))
    assert strait.status(made) == end
    run = strait.see(parent.run_id)
    assert (run["status"], run["attempt"]) == ("queued", 1)


# §16


def test_16_progress_needs_no_message(strait: Strait) -> None:
    event = good(strait.executing().call("progress", {"percent": 10, "step": "first", "eta_seconds": 5}), 201)
    assert event["data"] == {"percent": 10, "step": "first", "eta_seconds": 5}
    assert event["message"] == ""


def test_16_an_output_may_be_named_by_key_or_output_key(strait: Strait) -> None:
    worker = strait.executing()
    for name in ("key", "output_key"):
        assert good(worker.call("output", {name: "report", "value": name}), 201)["output_key"] == "report"
    (only,) = good(strait.get(f"/v1/runs/{worker.run_id}/outputs"))
    assert only["value"] == "output_key"


@pytest.mark.parametrize(
    ("call", "body", "other"), [("complete", {"result": 1}, "fail"), ("fail", {"error": "no"}, "complete")]
)
def test_16_finishing_twice_the_same_way_is_answered_twice(strait: Strait, call: str, body: Json, other: str) -> None:
    worker = strait.executing()
    first = good(worker.call(call, body))
    assert good(worker.call(call, body)) == first
    opposite: Any = {"error": "no"} if other == "fail" else {}
    assert worker.call(other, opposite).status_code in {409, 410}
    assert strait.status(worker.run_id) == first["status"]


def test_16_what_has_ended_takes_no_more_reports(strait: Strait) -> None:
    worker = strait.executing()
    good(worker.call("complete"))
    for name, body in (
        ("log", {"message": "late"}),
        ("progress", {"percent": 1}),
        ("annotate", {"annotations": {"a": "b"}}),
        ("checkpoint", {"state": 1}),
        ("usage", {"provider": "x", "model": "y"}),
        ("tool-call", {"tool_name": "x"}),
        ("output", {"key": "a", "value": 1}),
        ("state", {"key": "a", "value": 1}),
        ("stream", {"chunk": "late"}),
        ("wait-for-event", {"event_key": "late"}),
        ("heartbeat", {}),
    ):
        refused(worker.call(name, body), 410)
    refused(worker.call("continue", {}), 409)  # a ruling of its own


def test_16_a_body_is_optional_where_nothing_is_required(strait: Strait) -> None:
    worker = strait.executing(payload={"n": 1})
    assert good(worker.call("continue"), 201)["payload"] == {"n": 1}
    assert good(worker.call("heartbeat")) == {"status": "ok"}
    run = good(worker.call("complete"))
    assert run["status"] == "completed"


# §18, §21, §26


def test_18_a_stream_ends_with_its_run(strait: Strait) -> None:
    worker = strait.executing()
    with (
        strait.follow(f"/v1/runs/{worker.run_id}/stream") as run,
        strait.follow(f"/v1/runs/{worker.run_id}/stream/chunks") as chunks,
    ):
        good(worker.call("log", {"message": "hello"}), 201)
        good(worker.call("stream", {"chunk": "some"}))
        good(worker.call("complete"))
        said = list(run)
        assert [(one["type"], one.get("to", one.get("message"))) for one in said] == [
            ("event", "hello"),
            ("status_change", "completed"),
        ]
        assert [(one["chunk"], one["stream_id"], one["done"]) for one in chunks] == [("some", "default", False)]
    for path in ("stream", "stream/chunks"):
        refused(strait.get(f"/v1/runs/{worker.run_id}/{path}"), 410)


def test_21_a_run_that_executes_or_is_paused_may_be_restarted(strait: Strait) -> None:
    for paused in (False, True):
        worker = strait.executing()
        if paused:
            assert good(strait.post(f"/v1/runs/{worker.run_id}/pause"))["status"] == "paused"
            assert good(strait.post(f"/v1/runs/{worker.run_id}/pause"))["status"] == "paused"
        run = good(strait.post(f"/v1/runs/{worker.run_id}/restart"))
        assert (run["status"], run["attempt"]) == ("queued", 1)
        assert not {"started_at", "finished_at"} & run.keys()
        good(strait.delete(f"/v1/runs/{worker.run_id}"))


def test_26_debug_and_dependencies_answer_where_the_published_client_asks(strait: Strait) -> None:
    run = strait.run()
    path = f"/v1/runs/{run['id']}"
    assert good(strait.get(f"{path}/debug")) == good(strait.get(f"{path}/debug-bundle"))
    assert good(strait.get(f"{path}/dependencies")) == good(strait.get(f"{path}/dependency-status"))


def test_26_a_spawned_run_has_the_priority_it_was_given(strait: Strait) -> None:
    parent, child = strait.executing(), strait.job()
    body = {"job_slug": child["slug"], "project_id": "default", "priority": 7}
    made = good(parent.call("spawn", body), 201)
    assert strait.see(made)["priority"] == 7
    assert ids(good(strait.get(f"/v1/runs/{parent.run_id}/children"))) == [made["id"]]


def test_26_webhook_fields_are_taken_and_the_secret_is_not_shown(strait: Strait) -> None:
    made = strait.job(webhook_url="https://example.com/hook", webhook_secret="hush-hush")
    assert made["webhook_url"] == "https://example.com/hook"
    assert "hush-hush" not in strait.get(f"/v1/jobs/{made['id']}").text
