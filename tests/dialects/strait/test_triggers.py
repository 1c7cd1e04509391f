"""Triggers, batches and cron over the wire (contract §3–8, §22)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from runyard.engine import batches, buffers, debounces, projects, schedules
from tests.dialects.strait.client import Strait, good, refused
from tests.dialects.strait.times import at, seconds_between
from tests.support.verbs import Json

HOUR = 3600
SECOND = 1_000_000


def trigger(strait: Strait, job: Json, status: int = 201, **body: Any) -> Json:
    """The answer to a trigger."""
    answer: Json = good(strait.post(f"/v1/jobs/{job['id']}/trigger", body), status)
    return answer


def limit(strait: Strait, **settings: Any) -> None:
    """Give the project these settings."""
    strait.stand.store.transact(projects.update, 1, settings=settings)


def count(strait: Strait) -> int:
    return len(good(strait.get("/v1/runs", limit=100)))


# §3


def test_a_trigger_answers_with_the_run_its_hash_and_its_token(strait: Strait) -> None:
    job = strait.job()
    made = trigger(strait, job, payload={"b": 1, "a": "x"})
    assert made.keys() == {"id", "status", "payload_hash", "run_token", "idempotency_hit"}
    assert made["payload_hash"] == hashlib.sha256(b'{"a":"x","b":1}').hexdigest()
    assert (made["status"], made["idempotency_hit"]) == ("queued", False)
    claims = strait.stand.server.tokens.read(made["run_token"])
    assert (claims.sub, claims.attempt) == (made["id"], None)
    run = strait.see(made)
    assert (run["payload"], run["attempt"], run["triggered_by"]) == ({"a": "x", "b": 1}, 1, "manual")
    assert run["created_by"].startswith("apikey:")
    assert (run["job_version"], run["job_version_id"]) == (1, job["version_id"])


def test_a_trigger_gives_a_run_no_larger_machine(strait: Strait) -> None:
    path = f"/v1/jobs/{strait.job()['id']}/trigger"
    refused(strait.post(path, {"metadata": {"_preset_override": "large-2x"}}), 400)
    assert count(strait) == 0


def test_a_trigger_without_a_body_is_one_with_an_empty_payload(strait: Strait) -> None:
    job = strait.job()
    made = good(strait.send("POST", f"/v1/jobs/{job['id']}/trigger", loose=True), 201)
    assert made["payload_hash"] == hashlib.sha256(b"{}").hexdigest()
    assert strait.see(made)["payload"] == {}


def test_unknown_keys_and_nulls_of_the_published_client_are_passed_over(strait: Strait) -> None:
    job = strait.job()
    body = {"payload": 1, "priority": None, "tags": None, "scheduled_at": None, "unknown": {"x": 1}, "dry_run": False}
    made = good(strait.post(f"/v1/jobs/{job['id']}/trigger", body, loose=True), 201)
    assert strait.see(made)["payload"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"priority": 11},
        {"priority": "high"},
        {"ttl_secs": -1},
        {"ttl_secs": 2_592_001},
        {"scheduled_at": "tomorrow"},
        {"scheduled_at": "9999-12-31T23:59:59Z"},
        {"tags": {"a": 1}},
        {"tags": {"": "x"}},
        {"tags": {str(n): "x" for n in range(21)}},
        {"tags": {"a": "x" * 257}},
        {"idempotency_key": "x" * 257},
        {"concurrency_key": "x" * 257},
        {"metadata": ["a"]},
        {"dry_run": "yes"},
        [],
        "text",
    ],
)
def test_a_wrong_trigger_is_refused_and_makes_nothing(strait: Strait, wrong: Any) -> None:
    job = strait.job()
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger", wrong), 400)
    assert count(strait) == 0


def test_a_header_with_too_long_a_key_is_refused(strait: Strait) -> None:
    job = strait.job()
    for name in ("X-Idempotency-Key", "Idempotency-Key"):
        refused(strait.post(f"/v1/jobs/{job['id']}/trigger", {}, headers={name: "x" * 257}), 400, "256")
    good(strait.post(f"/v1/jobs/{job['id']}/trigger", {}, headers={"Idempotency-Key": "x" * 256}), 201)


def test_an_unknown_job_is_404_and_a_disabled_one_400(strait: Strait) -> None:
    refused(strait.post("/v1/jobs/not-a-uuid/trigger", {}), 404)
    job = strait.job()
    good(strait.post("/v1/jobs/batch-disable", {"ids": [job["id"]]}))
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger", {}), 400, "disabled")
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger", {"dry_run": True}), 400, "disabled")
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger/bulk", {"items": [{}]}), 400, "disabled")


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(strait: Strait) -> None:
    job = strait.job(timeout_secs=100, payload_schema={"type": "object"})
    tried = trigger(strait, job, 200, dry_run=True, payload={"b": 1, "a": 2})
    assert tried.keys() == {"job", "payload_hash", "payload", "expires_at"}
    assert (tried["job"]["id"], tried["payload"]) == (job["id"], {"a": 2, "b": 1})
    assert seconds_between(at(strait), tried["expires_at"]) == pytest.approx(160, abs=1)
    later = at(strait, seconds=HOUR)
    assert "scheduled_at" in trigger(strait, job, 200, dry_run=True, scheduled_at=later)
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger", {"dry_run": True, "payload": 1}), 400, "schema")
    assert count(strait) == 0


def test_a_dry_run_is_refused_by_limits_as_a_bad_request(strait: Strait) -> None:
    job = strait.job(rate_limit_max=1, rate_limit_window_secs=60)
    trigger(strait, job)
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger", {"dry_run": True}), 400, "takes 1 runs")
    response = strait.post(f"/v1/jobs/{job['id']}/trigger", {})
    refused(response, 429, "takes 1 runs")
    assert int(response.headers["retry-after"]) == 60


def test_a_dry_run_warns_of_what_puts_the_run_off(strait: Strait) -> None:
    job = strait.job(debounce_window_secs=5)
    assert trigger(strait, job, 200, dry_run=True)["validation_warnings"] == ["the trigger would be debounced"]


def test_project_quotas_refuse_with_429(strait: Strait) -> None:
    job = strait.job()
    limit(strait, max_queued=1)
    trigger(strait, job, idempotency_key="k")
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger", {}), 429, "queued runs")
    assert trigger(strait, job, idempotency_key="k")["idempotency_hit"] is True, "a hit comes before quotas"
    limit(strait, max_queued=None, daily_cost=0)
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger", {}), 429, "of the day")


def test_an_execution_window_moves_the_start_to_its_next_minute(strait: Strait) -> None:
    strait.stand.clock.at -= strait.stand.clock.at % (86_400 * SECOND)
    job = strait.job(execution_window_cron="* 9-17 * * *", timezone="Asia/Tokyo", run_ttl_secs=60)
    strait.stand.clock.forward(hours=9)
    run = strait.run(job)
    assert (run["status"], run["scheduled_at"][11:19]) == ("delayed", "00:00:00")
    assert seconds_between(run["scheduled_at"], run["expires_at"]) == 60
    strait.tick(hours=15)
    assert strait.status(run) == "queued"
    assert strait.run(job)["status"] == "queued"


def test_a_time_to_live_is_the_first_positive_one(strait: Strait) -> None:
    for fields, body, expected in (
        ({"run_ttl_secs": 50}, {"ttl_secs": 20}, 20),
        ({"run_ttl_secs": 50}, {"ttl_secs": 0}, 50),
        ({"timeout_secs": 100}, {}, 160),
    ):
        run = strait.run(strait.job(**fields), **body)
        assert seconds_between(run["created_at"], run["expires_at"]) == expected


# §6


def test_an_equal_payload_is_answered_with_its_run_without_a_token(strait: Strait) -> None:
    job = strait.job(dedup_window_secs=60)
    first = trigger(strait, job, payload={"a": 1, "b": 2})
    again = trigger(strait, job, payload={"b": 2, "a": 1})
    assert again == {key: first[key] for key in ("id", "status", "payload_hash", "idempotency_hit")}
    strait.stand.clock.forward(seconds=60)
    assert trigger(strait, job, payload={"a": 1, "b": 2})["id"] != first["id"]


# §7


def test_a_debounced_trigger_is_202_and_the_last_one_makes_the_run(strait: Strait) -> None:
    job = strait.job(debounce_window_secs=10)
    first = trigger(strait, job, 202, payload=1, debounce_key="k")
    assert first.keys() == {"debounced", "fire_at"}
    strait.stand.clock.forward(seconds=5)
    second = trigger(strait, job, 202, payload=2, debounce_key="k", tags={"a": "b"}, priority=4)
    assert seconds_between(first["fire_at"], second["fire_at"]) == 5
    assert count(strait) == 0
    strait.stand.clock.forward(seconds=10)
    strait.stand.store.transact(debounces.fire)
    (run,) = good(strait.get("/v1/runs"))
    assert (run["triggered_by"], run["payload"], run["tags"], run["priority"]) == ("debounce", 2, {"a": "b"}, 4)


def test_a_batched_trigger_is_202_until_one_fills_the_batch(strait: Strait) -> None:
    job = strait.job(batch_window_secs=10, batch_max_size=2)
    assert trigger(strait, job, 202, payload=1) == {"buffered": True}
    full = trigger(strait, job, payload={"n": 2})
    assert full == {"id": full["id"], "status": "queued", "batch": True}
    run = strait.see(full)
    assert (run["triggered_by"], run["payload"]) == ("batch", {"items": [1, {"n": 2}]})
    trigger(strait, job, 202, payload=3, batch_key="other")
    strait.stand.clock.forward(seconds=10)
    strait.stand.store.transact(buffers.flush)
    assert good(strait.get("/v1/runs"))[0]["payload"] == {"items": [3]}


# §8


def test_a_bulk_trigger_answers_for_each_item_and_keeps_a_record(strait: Strait) -> None:
    job = strait.job()
    before = trigger(strait, job, idempotency_key="k")
    items = [{"payload": 1}, {"idempotency_key": "k"}, {"payload": 2, "scheduled_at": at(strait, seconds=HOUR)}]
    made = good(strait.post(f"/v1/jobs/{job['id']}/trigger/bulk", {"items": items}), 201)
    assert (made["total"], made["created"]) == (3, 2)
    assert [one["status"] for one in made["results"]] == ["queued", "queued", "delayed"]
    assert [one["idempotency_hit"] for one in made["results"]] == [False, True, False]
    assert made["results"][1] == {"id": before["id"], "status": "queued", "run_token": "", "idempotency_hit": True}
    assert strait.stand.server.tokens.read(made["results"][0]["run_token"]).sub == made["results"][0]["id"]
    assert strait.see(made["results"][0])["batch_id"] == made["batch_id"]
    record = good(strait.get(f"/v1/batch-operations/{made['batch_id']}"))
    assert (record["job_id"], record["item_count"], record["created_count"]) == (job["id"], 3, 2)
    assert record["created_by"].startswith("apikey:")
    assert record["finished_at"] == record["created_at"]
    assert len(good(strait.get("/v1/runs", batch_id=made["batch_id"]))) == 2


def test_a_bulk_trigger_names_the_item_that_is_wrong(strait: Strait) -> None:
    job = strait.job(payload_schema={"type": "object"})
    items: list[Any] = [{"payload": {}}, {"payload": {}}, {"payload": 1}]
    refused(strait.post(f"/v1/jobs/{job['id']}/trigger/bulk", {"items": items}), 400, "items[2]")
    for many in (0, 501):
        refused(strait.post(f"/v1/jobs/{job['id']}/trigger/bulk", {"items": [{}] * many}), 400)


def test_items_of_a_bulk_trigger_may_be_dry_runs(strait: Strait) -> None:
    job = strait.job()
    items = [{"payload": 1, "dry_run": True, "metadata": {"a": "b"}}, {"payload": 2}]
    made = good(strait.post(f"/v1/jobs/{job['id']}/trigger/bulk", {"items": items}), 201)
    assert (made["total"], made["created"], made["results"][0]["id"]) == (2, 1, "")
    assert count(strait) == 1


def test_records_of_batches_are_paged_newest_first_and_seen_by_their_project_alone(
    strait: Strait, stranger: Strait
) -> None:
    job = strait.job()
    made = []
    for _ in range(5):
        path = f"/v1/jobs/{job['id']}/trigger/bulk"
        made.append(good(strait.post(path, {"items": [{}]}), 201)["batch_id"])
        strait.stand.clock.forward(seconds=1)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = good(strait.get("/v1/batch-operations", limit=2, **cursor))
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]
    assert good(stranger.get("/v1/batch-operations"))["data"] == []
    refused(stranger.get(f"/v1/batch-operations/{made[0]}"), 404)
    refused(strait.get("/v1/batch-operations/nothing"), 404)
    assert strait.stand.store.look(batches.page, 1, limit=1)[0].id == made[-1]


# §22


def fired(strait: Strait) -> list[Json]:
    """The runs there are after a pass of the schedules, oldest first."""
    strait.stand.store.transact(schedules.fire)
    runs: list[Json] = good(strait.get("/v1/runs", triggered_by="cron"))
    return runs[::-1]


def midnight(strait: Strait) -> None:
    strait.stand.clock.at -= strait.stand.clock.at % (86_400 * SECOND)


def test_a_cron_job_makes_runs_by_the_clock_of_its_zone(strait: Strait) -> None:
    midnight(strait)
    strait.job(cron="0 9 * * *", timezone="Asia/Tokyo", tags={"a": "b"})
    strait.stand.clock.forward(hours=23.9)
    assert fired(strait) == []
    strait.stand.clock.forward(hours=0.1)
    (run,) = fired(strait)
    assert (run["triggered_by"], run["created_by"], run["tags"]) == ("cron", "system:cron", {"a": "b"})
    assert run.keys() & {"expires_at", "payload"} == set()


def test_22_changes_of_cron_and_zone_act_at_once(strait: Strait) -> None:
    midnight(strait)
    job = strait.job(cron="0 9 * * *")
    good(strait.patch(f"/v1/jobs/{job['id']}", {"timezone": "Asia/Kathmandu"}))
    assert next_fire(strait) == "03:15"
    good(strait.patch(f"/v1/jobs/{job['id']}", {"cron": "30 * * * *", "timezone": "UTC"}))
    assert next_fire(strait) == "00:30"
    good(strait.patch(f"/v1/jobs/{job['id']}", {"enabled": False}))
    assert next_fire(strait) is None
    strait.stand.clock.forward(hours=3)
    assert fired(strait) == []
    good(strait.post("/v1/jobs/batch-enable", {"ids": [job["id"]]}))
    assert next_fire(strait) == "03:30"


def next_fire(strait: Strait) -> str | None:
    """The time of day of the next tick of any job."""
    due = strait.stand.store.look(schedules.next_due)
    return None if due is None else datetime.fromtimestamp(due / 1e6, UTC).strftime("%H:%M")


def test_a_job_that_skips_makes_no_run_while_one_is_under_way(strait: Strait) -> None:
    midnight(strait)
    strait.job(cron="* * * * *", skip_if_running=True)
    for _ in range(3):
        strait.stand.clock.forward(minutes=1)
        assert len(fired(strait)) == 1
    strait.complete(strait.start())
    strait.stand.clock.forward(minutes=1)
    assert len(fired(strait)) == 2


def test_missed_ticks_are_made_up_for_by_one_run(strait: Strait) -> None:
    midnight(strait)
    strait.job(cron="0 * * * *")
    strait.stand.clock.forward(hours=6)
    (run,) = fired(strait)
    assert run["metadata"]["cron_missed"] == "5"
    assert msgspec.convert(run["metadata"]["cron_tick"], datetime).hour == 6


def test_jobs_with_wrong_schedules_are_refused(strait: Strait) -> None:
    body = {"project_id": "default", "name": "x", "slug": "x", "endpoint_url": "https://example.com/run"}
    wrongs: list[Json] = [
        {"cron": "* * * *"},
        {"cron": "0 0 31 2 *"},
        {"cron": "0 * * * *", "timezone": "Mars/Olympus"},
        {"execution_window_cron": "99 * * * *"},
        {"debounce_window_secs": 1, "batch_window_secs": 1},
    ]
    for wrong in wrongs:
        refused(strait.post("/v1/jobs", body | wrong), 400)
