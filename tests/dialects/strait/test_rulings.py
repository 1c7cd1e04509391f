"""Where the contract's sources disagree: one test for each ruling on asking for runs and on looking at them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.dialects.strait.client import Strait, good, ids, refused
from tests.dialects.strait.recipes import dead, failed
from tests.dialects.strait.times import at, seconds_between
from tests.support.verbs import Json

HOUR = 3600


# §3–§5


def test_3_what_a_trigger_says_as_metadata_is_stored(strait: Strait) -> None:
    job = strait.job(default_run_metadata={"team": "a", "who": "job"})
    headers = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "tracestate": "x=y"}
    body = {"payload": {"dependency_key": "order-1"}, "metadata": {"who": "me"}}
    made = good(strait.post(f"/v1/jobs/{job['id']}/trigger", body, headers=headers), 201)
    assert strait.see(made)["metadata"] == {
        "team": "a",
        "who": "me",
        "dependency_key": "order-1",
        "_trace_parent": headers["traceparent"],
        "_trace_state": "x=y",
    }


def test_4_a_time_to_live_counts_from_the_time_a_run_is_scheduled_for(strait: Strait) -> None:
    job = strait.job(run_ttl_secs=60)
    now = strait.run(job)
    assert seconds_between(now["created_at"], now["expires_at"]) == pytest.approx(60, abs=1)
    later = strait.run(job, scheduled_at=at(strait, seconds=HOUR))
    assert seconds_between(later["scheduled_at"], later["expires_at"]) == pytest.approx(60, abs=1)
    strait.tick(seconds=HOUR / 2)
    assert (strait.status(now), strait.status(later)) == ("expired", "delayed")
    strait.tick(seconds=HOUR / 2 + 1)
    assert strait.status(later) == "queued"
    strait.tick(seconds=61)
    assert strait.status(later) == "expired"


def test_5_a_limit_for_each_key_is_per_job_and_key_and_never_overshot(strait: Strait) -> None:
    first, second = (strait.job(max_concurrency_per_key=1) for _ in range(2))
    runs = [strait.run(job, concurrency_key="k") for job in (first, first, second)]
    free = strait.run(first)
    claimed = {strait.claim().run.id for _ in range(3)}
    assert claimed == {runs[0]["id"], runs[2]["id"], free["id"]}
    with pytest.raises(AssertionError, match="nothing to claim"):
        strait.claim()


def test_5_items_of_a_bulk_trigger_keep_to_the_range_of_priorities(strait: Strait) -> None:
    job = strait.job()
    for priority in (11, -1):
        items = [{"payload": 1}, {"payload": 2, "priority": priority}]
        refused(strait.post(f"/v1/jobs/{job['id']}/trigger/bulk", {"items": items}), 400, "priority")
    assert good(strait.get("/v1/runs")) == [], "all or nothing"


# §6, §8


def test_6_an_idempotency_key_may_stand_in_the_body_and_a_header_wins(strait: Strait) -> None:
    job = strait.job()
    path = f"/v1/jobs/{job['id']}/trigger"
    first = good(strait.post(path, {"idempotency_key": "a"}), 201)
    assert first["idempotency_hit"] is False
    for header in ("X-Idempotency-Key", "Idempotency-Key"):
        hit = good(strait.post(path, {"idempotency_key": "other"}, headers={header: "a"}), 201)
        assert (hit["id"], hit["idempotency_hit"]) == (first["id"], True)
    both = {"X-Idempotency-Key": "a", "Idempotency-Key": "b"}
    assert good(strait.post(path, {}, headers=both), 201)["id"] == first["id"]
    assert good(strait.post(path, {"idempotency_key": "other"}), 201)["idempotency_hit"] is False
    assert strait.trigger(strait.job(), idempotency_key="a")["idempotency_hit"] is False, "a key is per job"


def test_6_a_key_is_taken_while_its_run_is_under_way_and_for_a_day_after_its_end(strait: Strait) -> None:
    job = strait.job()
    run = strait.run(job, idempotency_key="k")
    granted = strait.start(run)
    assert strait.trigger(job, idempotency_key="k")["id"] == run["id"]
    strait.complete(granted)
    strait.tick(hours=23)
    assert strait.trigger(job, idempotency_key="k") == {
        "id": run["id"],
        "status": "completed",
        "idempotency_hit": True,
    }
    strait.tick(hours=2)
    assert strait.trigger(job, idempotency_key="k")["idempotency_hit"] is False


def test_8_a_bulk_trigger_is_all_or_nothing(strait: Strait) -> None:
    job = strait.job(payload_schema={"type": "object"})
    items: list[Any] = [{"payload": {}}, {"payload": 1}]
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger/bulk", {"items": items}), 400)
    assert good(strait.get("/v1/runs")) == []


# §13


def test_13_bulk_cancel_all_answers_with_a_result_for_each_and_the_ids(strait: Strait) -> None:
    job = strait.job()
    queued, later = strait.run(job), strait.run(job, scheduled_at=at(strait, seconds=HOUR))
    other = strait.run(strait.job())
    done = good(strait.post("/v1/runs/bulk-cancel-all", {"job_id": job["id"]}))
    assert (done["total"], done["canceled"], done["failed"]) == (2, 2, 0)
    assert sorted(done["run_ids"]) == sorted(ids([queued, later]))
    assert {(one["id"], one["status"]) for one in done["results"]} == {
        (queued["id"], "canceled"),
        (later["id"], "canceled"),
    }
    assert strait.status(other) == "queued"


def test_13_a_replay_keeps_number_and_id_of_the_jobs_version_together(strait: Strait) -> None:
    run = failed(strait)
    good(strait.patch(f"/v1/jobs/{run['job_id']}", {"timeout_secs": 9}))
    again = good(strait.post(f"/v1/runs/{run['id']}/replay"), 201)
    assert (again["job_version"], again["job_version_id"]) == (run["job_version"], run["job_version_id"])


def test_13_bulk_replay_answers_with_the_new_runs_alone(strait: Strait) -> None:
    source, other = failed(strait), strait.run()
    asked = {"run_ids": [source["id"], other["id"], "01890000-0000-7000-8000-000000000000"]}
    (again,) = good(strait.post("/v1/runs/bulk-replay", asked))
    assert again["id"] != source["id"]
    assert (again["status"], again["attempt"]) == ("queued", 1)


def test_13_a_run_from_the_dead_letter_gets_a_fresh_time_to_live_and_no_old_error(strait: Strait) -> None:
    run = dead(strait, strait.job(run_ttl_secs=60))
    strait.tick(hours=1)
    again = good(strait.post(f"/v1/runs/{run['id']}/dlq-replay"))
    assert again["id"] == run["id"]
    assert not {"error", "error_class", "started_at", "finished_at", "next_retry_at"} & again.keys()
    strait.tick(seconds=30)
    assert strait.status(run) == "queued"
    strait.tick(seconds=31)
    assert strait.status(run) == "expired"


# §21–§23


def test_21_rescheduling_moves_the_end_of_a_runs_life_too(strait: Strait) -> None:
    run = strait.run(strait.job(run_ttl_secs=60))
    moved = good(strait.post(f"/v1/runs/{run['id']}/reschedule", {"scheduled_at": at(strait, seconds=HOUR)}))
    assert seconds_between(moved["scheduled_at"], moved["expires_at"]) == pytest.approx(60, abs=1)


def test_23_filters_are_joined_by_and(strait: Strait) -> None:
    wanted = strait.run(strait.job(), tags={"team": "a"}, payload={"kind": "x", "n": 1})
    strait.run(strait.job(), tags={"team": "a"}, payload={"kind": "y"})
    strait.run(strait.job(), tags={"team": "b"}, payload={"kind": "x"})
    canceled = strait.run(strait.job(), tags={"team": "a"}, payload={"kind": "x"})
    good(strait.delete(f"/v1/runs/{canceled['id']}"))
    for tag in ({"tag_key": "team", "tag_value": "a"}, {"tags[team]": "a"}):
        query = {**tag, "status": "queued", "triggered_by": "manual", "payload_contains": '{"kind": "x"}'}
        assert ids(good(strait.get("/v1/runs", **query))) == [wanted["id"]]


def test_23_lists_are_bare_with_the_cursor_in_a_header_and_enveloped_on_request(strait: Strait) -> None:
    runs = [strait.run() for _ in range(3)]
    first = strait.get("/v1/runs", limit=2)
    assert ids(good(first)) == [runs[2]["id"], runs[1]["id"]]
    cursor = first.headers["x-next-cursor"]
    last = strait.get("/v1/runs", limit=2, cursor=cursor)
    assert ids(good(last)) == [runs[0]["id"]]
    assert "x-next-cursor" not in last.headers
    page = good(strait.saying(x_list_envelope="1").get("/v1/runs", limit=2))
    assert (ids(page["data"]), page["has_more"], page["next_cursor"]) == (ids(good(first)), True, cursor)


def everything(strait: Strait, path: str, **params: Any) -> list[Json]:
    """All pages of a list, one entry each."""
    found: list[Json] = []
    cursor: str | None = None
    for _ in range(50):
        response = strait.get(path, limit=1, **params, **({"cursor": cursor} if cursor else {}))
        found += good(response)
        cursor = response.headers.get("x-next-cursor")
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


def test_23_pages_neither_repeat_nor_skip_even_at_equal_times(strait: Strait) -> None:
    job = strait.job()
    items = [{"payload": n} for n in range(5)]
    made = good(strait.post(f"/v1/jobs/{job['id']}/trigger/bulk", {"items": items}), 201)["results"]
    assert sorted(ids(everything(strait, "/v1/runs"))) == sorted(ids(made))
    good(strait.post("/v1/runs/bulk-cancel-all", {"job_id": job["id"]}))

    worker = strait.executing()
    child = strait.job()
    for number in range(4):
        good(worker.call("log", {"message": str(number)}), 201)
        good(worker.call("output", {"output_key": f"key-{3 - number}", "value": number}), 201)
        good(worker.call("checkpoint", {"state": number}), 201)
        good(worker.call("usage", {"provider": "x", "model": str(number)}), 201)
        good(worker.call("tool-call", {"tool_name": str(number)}), 201)
        good(worker.call("spawn", {"job_slug": child["slug"], "project_id": "default", "payload": number}), 201)
    path = f"/v1/runs/{worker.run_id}"
    assert [one["message"] for one in everything(strait, f"{path}/events", type="log")] == ["0", "1", "2", "3"]
    assert [one["payload"] for one in everything(strait, f"{path}/children")] == [0, 1, 2, 3]
    assert [one["output_key"] for one in everything(strait, f"{path}/outputs")] == [f"key-{n}" for n in range(4)]
    assert [one["state"] for one in everything(strait, f"{path}/checkpoints")] == [3, 2, 1, 0]
    assert sorted(one["model"] for one in everything(strait, f"{path}/usage")) == ["0", "1", "2", "3"]
    assert sorted(one["tool_name"] for one in everything(strait, f"{path}/tool-calls")) == ["0", "1", "2", "3"]


def test_23_filters_that_cannot_be_are_refused(strait: Strait) -> None:
    for query in (
        {"tag_value": "a"},
        {"metadata_value": "a"},
        {"tag_key": "a", "metadata_key": "b"},
        {"status": "unheard"},
        {"payload_contains": "{"},
        {"error_class": "unheard"},
        {"execution_mode": "unheard"},
        {"statuses": "unheard"},
    ):
        request = strait.get("/v1/runs", **query)
        refused(request, 400)


# §24


def test_24_every_refusal_says_its_message_where_the_published_client_looks(strait: Strait) -> None:
    for response in (strait.get("/v1/runs/none"), strait.as_key("x").get("/v1/runs"), strait.post("/v1/jobs", {})):
        refusal = response.json()
        assert isinstance(refusal["message"], str)
        error = refusal["error"]
        assert refusal["message"] == (error if isinstance(error, str) else error["message"])


def claims_of(token: str) -> Json:
    """What a run token says, unproved."""
    payload = token.split(".")[1]
    found: Json = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_16_a_run_token_lasts_as_long_as_an_attempt_may_whatever_the_runs_time_to_live(strait: Strait) -> None:
    made = strait.trigger(strait.job(run_ttl_secs=10, timeout_secs=600))
    claims = claims_of(made["run_token"])
    assert claims["sub"] == made["id"]
    assert claims["exp"] - claims["iat"] >= 660
    worker = strait.worker(strait.start(made))
    strait.stand.clock.forward(seconds=300)
    assert good(worker.call("heartbeat")) == {"status": "ok"}
