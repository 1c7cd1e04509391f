"""Runs as their makers and keepers see them: made, found, listed, moved by hand."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.api import Api, good, ids, refused
from tests.support.stand import Stand
from tests.support.verbs import Json

DAY = 86400


def test_many_runs_are_made_in_the_order_asked(api: Api) -> None:
    asked = [{"payload": {"n": n}, "queue": "q", "tags": ["a", "b"]} for n in range(3)]
    runs = good(api.post("/runs", {"runs": asked}), 201)["runs"]
    assert [run["payload"] for run in runs] == [{"n": n} for n in range(3)]
    assert {(run["queue"], run["state"], tuple(run["tags"]), run["duplicate"]) for run in runs} == {
        ("q", "queued", ("a", "b"), False)
    }


def test_a_single_run_is_answered_alone(api: Api) -> None:
    run = good(api.post("/runs", {"payload": 7}), 201)
    assert (run["payload"], run["project"], run["state"], run["attempt"]) == (7, "default", "queued", 1)
    assert api.see(run) == {name: value for name, value in run.items() if name != "duplicate"}


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "text",
        "é𝄞\u2028",
        0.1,
        -0.0,
        {"": {"deep": [[[[]]]]}},
        {"big": 12345678901234567890123456789},
        {"a": {"b": "\u0000"}},
        {"nul key \u0000": 1},
    ],
)
def test_a_payload_comes_back_as_it_was(api: Api, payload: Any) -> None:
    text = json.dumps({"payload": payload})
    response = api.send("POST", "/runs", content=text.encode(), headers={"content-type": "application/json"})
    run = good(response, 201)
    assert json.dumps(run["payload"]) == json.dumps(payload)
    assert json.dumps(api.see(run)["payload"]) == json.dumps(payload)
    (claim,) = api.claim()
    assert json.dumps(claim["run"]["payload"]) == json.dumps(payload)


def test_everything_a_run_may_say_is_kept(api: Api) -> None:
    run = api.run(
        payload={"a": 1},
        queue="mail",
        executor="robot",
        capabilities=["gpu", "arm"],
        priority=9,
        retry={"max_attempts": 5, "backoff": "custom", "delays_seconds": [1, 2.5]},
        timeout_seconds=60,
        heartbeat_seconds=5,
        lease_seconds=20,
        ttl_seconds=DAY,
        tags={"team": "red"},
        metadata={"source": "test"},
        concurrency={"max_per_key": 1},
        concurrency_key="customer-1",
        idempotency_key="once",
        idempotency_ttl_seconds=60,
    )
    assert run["tags"] == {"team": "red"}
    assert run["metadata"] == {"source": "test"}
    assert sorted(run["capabilities"]) == ["arm", "gpu"]
    assert (run["queue"], run["executor"], run["priority"], run["max_attempts"]) == ("mail", "robot", 9, 5)
    assert (run["concurrency_key"], run["idempotency_key"]) == ("customer-1", "once")
    assert run["expires_at"] is not None
    assert run["created_by"].startswith("key:ry_")


def test_a_run_known_by_its_key_is_found_and_not_made_again(api: Api) -> None:
    first = good(api.post("/runs", {"payload": 1, "idempotency_key": "k"}), 201)
    again = good(api.post("/runs", {"payload": 2, "idempotency_key": "k"}), 200)
    assert (again["id"], again["duplicate"], again["payload"]) == (first["id"], True, 1)
    mixed = good(api.post("/runs", {"runs": [{"idempotency_key": "k"}, {"idempotency_key": "l"}]}), 201)["runs"]
    assert [run["duplicate"] for run in mixed] == [True, False]
    twins = good(api.post("/runs", {"runs": [{"idempotency_key": "m"}, {"idempotency_key": "m"}]}), 201)["runs"]
    assert twins[0]["id"] == twins[1]["id"]
    assert good(api.delete(f"/runs/{first['id']}/idempotency-key"), 204) is None
    fresh = good(api.post("/runs", {"idempotency_key": "k"}), 201)
    assert fresh["id"] != first["id"]


def test_one_wrong_run_among_many_makes_none(api: Api) -> None:
    refused(api.post("/runs", {"runs": [{"payload": 1}, {"job": "no-such-job"}]}), 404, "not_found")
    problem = refused(api.post("/runs", {"runs": [{"payload": 1}, {"priority": 11}]}), 400, "invalid")
    assert problem["errors"][0]["pointer"] == "/runs/1/priority"
    assert api.listed("/runs") == []


@pytest.mark.parametrize(
    ("run", "word"),
    [
        ({"job": "a", "job_id": "b"}, "job_id"),
        ({"delay_seconds": 1, "available_at": "2030-01-01T00:00:00Z"}, "available_at"),
        ({"concurrency": {"max": 1}}, "max_per_key"),
        ({"priority": -1}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": 1.5}, "priority"),
        ({"queue": ""}, "queue"),
        ({"queue": "q" * 129}, "queue"),
        ({"delay_seconds": -1}, "delay_seconds"),
        ({"delay_seconds": 1e12}, "delay_seconds"),
        ({"ttl_seconds": "1"}, "ttl_seconds"),
        ({"lease_seconds": 0}, "lease_seconds"),
        ({"available_at": "tomorrow"}, "available_at"),
        ({"available_at": 17}, "available_at"),
        ({"available_at": "9999-12-31T23:59:59-23:59"}, "range"),
        ({"expires_at": "0001-01-01T00:00:00+23:59"}, "range"),
        ({"retry": {"backoff": "custom"}}, "delays_seconds"),
        ({"retry": {"max_attempts": 0}}, "max_attempts"),
        ({"retry": {"jitter": 2}}, "jitter"),
        ({"tags": [1]}, "tags"),
        ({"tags": {"a": 1}}, "tags"),
        ({"metadata": []}, "metadata"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"queue": "a\u0000b"}, "U+0000"),
        ({"metadata": {"a\u0000": 1}}, "U+0000"),
        ({"concurrency_key": "k" * 300}, "concurrency_key"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused_with_the_reason(api: Api, run: Json, word: str) -> None:
    problem = refused(api.post("/runs", run), 400, "invalid")
    assert word in problem["detail"], problem


@pytest.mark.parametrize("runs", [[], [{}] * 1001, {}, None, [None]])
def test_a_list_of_runs_has_one_to_a_thousand(api: Api, runs: Any) -> None:
    refused(api.post("/runs", {"runs": runs}), 400, "invalid")


def test_a_relative_that_is_not_there_is_not_found(api: Api) -> None:
    for word in ("parent_id", "continuation_of"):
        for wrong in ("nothing", "0199b3c4-0000-7000-8000-00000000a001", "x" * 5000):
            refused(api.post("/runs", {word: wrong}), 404, "not_found")


def test_a_payload_that_breaks_the_jobs_schema_is_refused_with_the_place(api: Api) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    good(api.post("/jobs", {"name": "count", "payload_schema": schema}), 201)
    problem = refused(api.post("/runs", {"job": "count", "payload": {"n": "one"}}), 400, "schema_mismatch")
    assert problem["errors"][0]["pointer"] == "/n"
    assert "integer" in problem["errors"][0]["detail"]
    assert api.run(job="count", payload={"n": 1})["job"] == "count"


def test_runs_are_listed_newest_first_page_by_page(api: Api) -> None:
    made = [api.run(payload=n)["id"] for n in range(5)]
    pages = api.pages("/runs", limit=2)
    assert [ids(page) for page in pages] == [made[:2:-1], made[2:0:-1], made[:1]]


def test_pages_stay_as_they_are_while_runs_are_made(api: Api) -> None:
    made = ids(api.make(6))
    first = good(api.get("/runs", limit=3))
    api.make(4)
    second = good(api.get("/runs", limit=3, cursor=first["next_cursor"]))
    assert sorted(ids(first["data"]) + ids(second["data"])) == sorted(made)
    assert second["next_cursor"] is None


@pytest.fixture
def crowd(api: Api, stand: Stand) -> dict[str, str]:
    """Runs that differ in everything a list can be filtered by."""
    good(api.post("/jobs", {"name": "mail"}), 201)
    crowd = {
        "buried": api.buried(tags={"team": "red"}, payload={"kind": "b", "list": [1, 2]}),
        "done": api.done(tags={"team": "blue"}, payload={"kind": "a"}),
        "canceled": api.run(tags=["urgent"], metadata={"by": {"name": "x"}}),
        "mailed": api.run(job="mail", queue="post"),
        "later": api.run(delay_seconds=60),
    }
    good(api.post(f"/runs/{crowd['canceled']['id']}/cancel"))
    crowd["child"] = api.run(parent_id=crowd["mailed"]["id"])
    return {name: run["id"] for name, run in crowd.items()}


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"state": "completed"}, {"done"}),
        ({"state": "completed,canceled"}, {"done", "canceled"}),
        ({"state": ["completed", "scheduled"]}, {"done", "later"}),
        ({"job": "mail"}, {"mailed"}),
        ({"queue": "post"}, {"mailed"}),
        ({"tag": "team"}, {"buried", "done"}),
        ({"tag": "team:red"}, {"buried"}),
        ({"tag": "urgent"}, {"canceled"}),
        ({"tag": ["team:red", "team:blue"]}, set()),
        ({"outcome": "succeeded"}, {"done"}),
        ({"outcome": "canceled"}, {"canceled"}),
        ({"outcome": "unresolved"}, {"buried"}),
        ({"error_class": "error"}, {"buried"}),
        ({"payload": '{"kind":"a"}'}, {"done"}),
        ({"payload": '{"list":[2]}'}, {"buried"}),
        ({"metadata": '{"by":{"name":"x"}}'}, {"canceled"}),
        ({"job": "no-such-job"}, set()),
        ({"queue": "default", "state": "queued"}, {"child"}),
    ],
)
def test_a_list_is_filtered(api: Api, crowd: dict[str, str], filters: Json, wanted: set[str]) -> None:
    found = {run["id"] for run in api.listed("/runs", limit=2, **filters)}
    assert found == {crowd[name] for name in wanted}


def test_a_list_is_filtered_by_parent_and_time(api: Api, crowd: dict[str, str], stand: Stand) -> None:
    assert ids(api.listed("/runs", parent_id=crowd["mailed"])) == [crowd["child"]]
    assert ids(api.listed(f"/runs/{crowd['mailed']}/children")) == [crowd["child"]]
    before = api.see(crowd["child"])["created_at"]
    stand.clock.forward(seconds=10)
    late = api.run()
    assert late["id"] not in ids(api.listed("/runs", created_before=late["created_at"]))
    assert crowd["child"] in ids(api.listed("/runs", created_before=late["created_at"]))
    assert ids(api.listed("/runs", created_after=_a_second_after(before))) == [late["id"]]


def _a_second_after(time: str) -> str:
    return (datetime.fromisoformat(time) + timedelta(seconds=1)).isoformat()


@pytest.mark.parametrize(
    ("filters", "word"),
    [
        ({"state": "done"}, "done"),
        ({"outcome": "great"}, "outcome"),
        ({"payload": "{"}, "JSON"),
        ({"payload": "1e400"}, ""),
        ({"metadata": "[" * 200}, "JSON"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"resolved": "perhaps"}, "resolved"),
        ({"limit": "many"}, "limit"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(api: Api, filters: Json, word: str) -> None:
    assert word in refused(api.get("/runs", **filters), 400, "invalid")["detail"]


def test_a_run_is_paused_resumed_and_canceled(api: Api) -> None:
    run = f"/runs/{api.run()['id']}"
    assert good(api.post(f"{run}/pause", {"reason": "lunch"}))["state"] == "paused"
    assert api.claim() == []
    assert good(api.post(f"{run}/resume"))["state"] == "queued"
    assert good(api.post(f"{run}/cancel", {"reason": "enough"}))["state"] == "canceled"
    assert good(api.post(f"{run}/cancel"))["state"] == "canceled"
    assert "canceled" in refused(api.post(f"{run}/resume"), 409, "illegal_move")["detail"]


def test_a_draft_waits_to_be_published(api: Api) -> None:
    run = api.run(draft=True)
    assert run["state"] == "draft"
    assert api.claim() == []
    assert good(api.post(f"/runs/{run['id']}/publish"))["state"] == "queued"
    refused(api.post(f"/runs/{run['id']}/publish"), 409, "illegal_move")


def test_a_run_is_put_off_and_called_back(api: Api) -> None:
    run = api.run(payload=1)
    later = good(api.post(f"/runs/{run['id']}/reschedule", {"delay_seconds": 60, "payload": 2}))
    assert (later["state"], later["payload"]) == ("scheduled", 2)
    assert api.claim() == []
    assert good(api.post(f"/runs/{run['id']}/reschedule"))["state"] == "queued"
    both = {"delay_seconds": 1, "available_at": "2030-01-01T00:00:00Z"}
    refused(api.post(f"/runs/{run['id']}/reschedule", both), 400, "invalid")


def test_a_buried_run_is_requeued_discarded_or_resolved(api: Api) -> None:
    requeued = good(api.post(f"/runs/{api.buried()['id']}/requeue"))
    assert (requeued["state"], requeued["attempt"]) == ("queued", 1)
    (claim,) = api.claim()
    api.complete(claim)
    discarded = good(api.post(f"/runs/{api.buried()['id']}/discard", {"reason": "hopeless"}))
    assert discarded["state"] == "failed"
    assert discarded["resolved"]["reason"] == "hopeless"
    resolved = good(api.post(f"/runs/{api.buried()['id']}/resolve", {"reason": "by hand"}))
    assert (resolved["state"], resolved["resolved"]["reason"]) == ("dead_letter", "by hand")
    assert api.listed("/dlq") == []
    assert ids(api.listed("/dlq", resolved="true")) == [resolved["id"]]
    refused(api.post(f"/runs/{discarded['id']}/requeue"), 409, "illegal_move")


def test_the_dead_letter_is_grouped_by_what_went_wrong(api: Api) -> None:
    for _ in range(2):
        api.buried()
    (group,) = good(api.get("/dlq/groups"))["data"]
    assert (group["count"], group["error_class"]) == (2, "error")
    assert api.see(group["sample_run_id"])["state"] == "dead_letter"
    assert len(api.listed("/dlq", limit=1, error_class="error")) == 2
    assert api.listed("/dlq", error_class="other") == []
    assert api.listed("/dlq", job="none") == []


def test_an_ended_run_is_retried_and_replayed_as_a_new_one(api: Api) -> None:
    old = api.done(payload={"config": {"a": 1, "b": 1}, "rest": True})
    retried = good(api.post(f"/runs/{old['id']}/retry", {"config": {"b": 2}}), 201)
    assert retried["retry_of"] == old["id"]
    assert retried["payload"] == {"config": {"a": 1, "b": 2}, "rest": True}
    replayed = good(api.post(f"/runs/{old['id']}/replay"), 201)
    assert (replayed["replay_of"], replayed["payload"]) == (old["id"], old["payload"])
    edited = good(api.post(f"/runs/{old['id']}/replay", {"payload": None}), 201)
    assert edited["payload"] is None
    family = good(api.get(f"/runs/{retried['id']}/lineage"))
    assert family["root"]["id"] == old["id"]
    assert {old["id"], retried["id"], replayed["id"], edited["id"]} <= {*ids(family["runs"]), family["root"]["id"]}
    refused(api.post(f"/runs/{retried['id']}/retry"), 409)


def test_a_retry_keeps_what_its_config_does_not_say_as_it_was_written(api: Api) -> None:
    text = '{"payload": {"big": 123456789012345678901234567890, "config": {"keep": 1e400, "b": 1}, "list": [1.0]}}'
    made = api.send("POST", "/runs", content=text.encode(), headers={"content-type": "application/json"})
    run = good(made, 201)["id"]
    api.complete(api.claim()[0])
    retried = api.post(f"/runs/{run}/retry", {"config": {"b": 2}})
    assert '"payload":{"big":123456789012345678901234567890,' in retried.text
    assert '"config":{"keep":1e400,"b":2}' in retried.text
    api.complete(api.claim()[0])
    odd: list[Any] = [[], "text", {"config": None}]
    for payload in odd:
        other = api.done(payload=payload)["id"]
        assert "config" in refused(api.post(f"/runs/{other}/retry", {"config": {"b": 2}}), 400, "invalid")["detail"]


def test_a_run_is_replayed_from_a_checkpoint(api: Api) -> None:
    claim = api.claimed(payload="first")
    run = claim["run"]["id"]
    good(api.post(f"/runs/{run}/checkpoints", {"state": {"at": 5}}), 201)
    api.complete(claim)
    assert good(api.post(f"/runs/{run}/replay", {"from_checkpoint": 1}), 201)["payload"] == {"at": 5}
    refused(api.post(f"/runs/{run}/replay", {"from_checkpoint": 2}), 404, "not_found")
    assert "both" in refused(api.post(f"/runs/{run}/replay", {"from_checkpoint": 1, "payload": 1}), 400)["detail"]


def test_a_waiting_run_is_explained(api: Api) -> None:
    run = api.run(delay_seconds=60)
    told = good(api.get(f"/runs/{run['id']}/explain"))
    assert (told["run_id"], told["state"], told["position"]) == (run["id"], "scheduled", None)
    assert told["reasons"]
    first, second = api.make(2)
    assert good(api.get(f"/runs/{first['id']}/explain"))["position"] == 0
    assert good(api.get(f"/runs/{second['id']}/explain"))["position"] == 1


def test_too_many_runs_in_too_short_a_time_are_refused_with_the_wait(api: Api) -> None:
    limit = {"max": 2, "window_seconds": 60, "mode": "refuse"}
    good(api.post("/jobs", {"name": "mail", "rate_limit": limit}), 201)
    api.make(2, job="mail")
    response = api.post("/runs", {"job": "mail"})
    problem = refused(response, 429, "rate_limited")
    assert int(response.headers["retry-after"]) == problem["retry_after"] > 0
