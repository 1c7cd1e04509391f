"""Triggers and schedules in the native API's words."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.jobs import Cron, JobSpec
from runyard.engine import buffers, debounces, jobs, schedules
from tests.support.api import Api, good
from tests.support.stand import Stand
from tests.support.verbs import Json

SECOND = 1_000_000


def make(stand: Stand, name: str, **spec: Any) -> None:
    """A job with this definition."""
    stand.store.transact(jobs.create, 1, name=name, spec=JobSpec(**spec))


def trigger(api: Api, status: int = 201, job: str = "job", **body: Any) -> Json:
    """The answer to a trigger."""
    answer: Json = good(api.post(f"/jobs/{job}/trigger", body), status)
    return answer


def test_a_trigger_makes_a_run_of_the_job(stand: Stand, api: Api):
    make(stand, "job")
    made = trigger(api, payload={"b": 1, "a": 2}, tags={"x": "y"}, delay_seconds=60)
    assert (made["outcome"], made["fire_at"], made["warnings"]) == ("created", None, [])
    assert (made["run"]["job"], made["run"]["state"], made["run"]["duplicate"]) == ("job", "scheduled", False)
    assert api.get(f"/runs/{made['run']['id']}").text.count('"payload":{"a":2,"b":1}') == 1
    assert good(api.post("/jobs/job/trigger"), 201)["run"]["payload"] == {}


def test_a_trigger_that_has_its_run_is_answered_with_it(stand: Stand, api: Api):
    make(stand, "job", dedup_window=60 * SECOND)
    made = trigger(api, idempotency_key="k")
    for hit in (trigger(api, 200, idempotency_key="k", payload=1), trigger(api, 200)):
        assert (hit["outcome"], hit["run"]["id"], hit["run"]["duplicate"]) == ("duplicate", made["run"]["id"], True)


def test_a_dry_run_says_what_would_be_made(stand: Stand, api: Api):
    make(stand, "job", window="0 0 1 1 *")
    tried = trigger(api, 200, dry_run=True, priority=5)
    assert (tried["outcome"], tried["run"]["priority"], tried["run"]["state"]) == ("checked", 5, "scheduled")
    assert tried["warnings"] == ["the job's execution window puts the start off"]
    assert good(api.get("/runs"))["data"] == []


def test_a_debounced_trigger_says_when_it_fires(stand: Stand, api: Api):
    make(stand, "job", debounce_window=10 * SECOND)
    put_off = trigger(api, 202, debounce_key="k")
    assert (put_off["outcome"], put_off["run"]) == ("debounced", None)
    assert put_off["fire_at"] is not None
    stand.clock.forward(seconds=10)
    stand.store.transact(debounces.fire)
    assert [run["trigger"] for run in good(api.get("/runs"))["data"]] == ["debounce"]


def test_triggers_are_gathered_until_their_batch_is_full(stand: Stand, api: Api):
    make(stand, "job", batch_window=10 * SECOND, batch_max=2)
    assert trigger(api, 202, payload=1)["outcome"] == "buffered"
    full = trigger(api, payload=2)
    assert (full["outcome"], full["run"]["payload"]) == ("flushed", {"items": [1, 2]})
    trigger(api, 202, payload=3)
    stand.clock.forward(seconds=10)
    assert stand.store.transact(buffers.flush) == 1


def test_a_repeated_request_with_an_idempotency_header_gets_the_stored_answer(stand: Stand, api: Api):
    make(stand, "job", debounce_window=10 * SECOND)
    first = api.post("/jobs/job/trigger", {"payload": 1}, headers={"Idempotency-Key": "once"})
    stand.clock.forward(seconds=1)
    second = api.post("/jobs/job/trigger", {"payload": 1}, headers={"Idempotency-Key": "once"})
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"


def test_schedules_are_listed_with_their_next_times(stand: Stand, api: Api):
    stand.clock.at -= stand.clock.at % (86_400 * SECOND)
    make(stand, "hourly", cron=Cron(expression="0 * * * *", overlap="skip"), timezone="Asia/Kathmandu")
    make(stand, "daily", cron=Cron(expression="0 6 * * *"))
    make(stand, "never")
    daily, hourly = good(api.get("/schedules", count=2))["data"]
    assert (daily["job"], daily["cron"], daily["timezone"], daily["overlap"]) == ("daily", "0 6 * * *", "UTC", "allow")
    assert [at[11:] for at in daily["next"]] == ["06:00:00Z", "06:00:00Z"]
    assert (hourly["timezone"], hourly["overlap"], hourly["last_at"]) == ("Asia/Kathmandu", "skip", None)
    assert [at[11:] for at in hourly["next"]] == ["00:15:00Z", "01:15:00Z"]
    assert good(api.get("/jobs/hourly/schedule", count=2)) == hourly
    stand.clock.forward(minutes=15)
    stand.store.transact(schedules.fire)
    assert good(api.get("/jobs/hourly/schedule"))["last_at"][11:] == "00:15:00Z"
    assert [run["trigger"] for run in good(api.get("/runs"))["data"]] == ["cron"]
    assert [page[0]["job"] for page in api.pages("/schedules", limit=1)] == ["daily", "hourly"]


@pytest.mark.parametrize("path", ["/jobs/never/schedule", "/jobs/missing/schedule"])
def test_a_job_without_a_schedule_has_none_to_show(stand: Stand, api: Api, path: str):
    make(stand, "never")
    assert api.get(path).status_code == 404


def test_a_disabled_job_takes_no_triggers(stand: Stand, api: Api):
    stand.store.transact(jobs.create, 1, name="job", spec=JobSpec(), enabled=False)
    assert api.post("/jobs/job/trigger", {}).status_code == 409
    assert api.post("/jobs/missing/trigger", {}).status_code == 404
