"""A run made here is visible and operable through `/runyard`, and the other way round."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.states import RunState
from tests.dialects.strait.client import Strait, good, ids, refused
from tests.support import api as native
from tests.support.api import Api
from tests.support.stand import Stand
from tests.support.yard import Yard


@pytest.fixture
def api(stand: Stand) -> Api:
    """A native key of the same project."""
    return stand.key()


def test_a_run_asked_for_here_is_seen_and_steered_there(strait: Strait, api: Api) -> None:
    job = strait.job(tags={"team": "a"})
    run = strait.run(job, payload={"n": 1}, priority=3, metadata={"who": "me"})
    seen = api.see(run["id"])
    assert (seen["state"], seen["payload"], seen["priority"]) == ("queued", {"n": 1}, 3)
    assert seen["job"] == job["slug"]
    assert [one["id"] for one in api.listed("/runs", job=job["slug"])] == [run["id"]]
    assert job["slug"] in {one["name"] for one in api.listed("/jobs")}

    native.good(api.post(f"/runs/{run['id']}/pause"))
    assert strait.status(run) == "paused"
    native.good(api.post(f"/runs/{run['id']}/resume"))
    assert strait.status(run) == "queued"
    native.good(api.post(f"/runs/{run['id']}/cancel", {"reason": "enough"}))
    assert strait.status(run) == "canceled"


def test_what_code_reports_here_is_read_there(strait: Strait, api: Api) -> None:
    worker = strait.executing()
    good(worker.call("log", {"message": "hello", "level": "warn"}), 201)
    good(worker.call("checkpoint", {"state": {"step": 1}}), 201)
    good(worker.call("usage", {"provider": "openai", "model": "gpt-4o", "prompt_tokens": 3, "cost_microusd": 7}), 201)
    good(worker.call("tool-call", {"tool_name": "grep"}), 201)
    good(worker.call("output", {"key": "report", "value": 1}), 201)
    good(worker.call("state", {"key": "place", "value": 2}), 201)
    good(worker.call("complete", {"result": {"ok": True}}))
    path = f"/runs/{worker.run_id}"
    seen = api.see(worker.run_id)
    assert (seen["state"], seen["output"]) == ("completed", {"ok": True})
    assert "hello" in {one["message"] for one in api.listed(f"{path}/logs")}
    assert [one["state"] for one in api.listed(f"{path}/checkpoints")] == [{"step": 1}]
    assert [one["name"] for one in api.listed(f"{path}/tool-calls")] == ["grep"]
    assert [one["value"] for one in api.listed(f"{path}/outputs")] == [1]


def test_a_run_asked_for_there_is_seen_and_steered_here(strait: Strait, api: Api) -> None:
    native.good(api.post("/jobs", {"name": "mail", "retry": {"max_attempts": 1}}), 201)
    run = api.run(job="mail", payload={"n": 1}, tags=["plain", "team:a"], metadata={"n": 1, "who": "me"})
    seen = strait.see(run)
    assert (seen["status"], seen["payload"], seen["metadata"]["who"]) == ("queued", {"n": 1}, "me")
    job = good(strait.get(f"/v1/jobs/{seen['job_id']}"))
    assert job["slug"] == "mail"
    assert ids(good(strait.get("/v1/runs", tag_key="team", tag_value="a"))) == [run["id"]]

    (claim,) = api.claim(jobs=["mail"])
    assert strait.status(run) == "dequeued"
    api.report("start", native.proof(claim))
    assert strait.status(run) == "executing"
    api.fail(claim, "no")
    assert strait.status(run) == "dead_letter"
    assert ids(good(strait.get("/v1/runs/dlq"))) == [run["id"]]
    assert good(strait.post(f"/v1/runs/{run['id']}/dlq-replay"))["status"] == "queued"
    assert api.see(run)["state"] == "queued"
    assert good(strait.delete(f"/v1/runs/{run['id']}"))["status"] == "canceled"
    assert api.see(run)["state"] == "canceled"


def test_a_job_made_there_is_triggered_here_and_carried_out_by_a_worker(strait: Strait, api: Api) -> None:
    job = native.good(api.post("/jobs", {"name": "mail"}), 201)
    made = strait.trigger(job["id"], payload={"n": 1})
    (claim,) = api.claim(jobs=["mail"])
    assert claim["run"]["id"] == made["id"]
    api.complete(claim, {"ok": True})
    run = strait.see(made)
    assert (run["status"], run["result"]) == ("completed", {"ok": True})


@pytest.mark.parametrize("state", sorted(RunState))
def test_a_run_in_any_state_and_without_a_job_reads_well_here(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    seen = strait.see(run.id)
    assert seen["id"] == run.id
    assert ids(good(strait.get("/v1/runs", status=seen["status"]))) == [run.id]
    good(strait.get(f"/v1/runs/{run.id}/debug-bundle"))
    for part in ("events", "checkpoints", "usage", "tool-calls", "outputs", "children", "lineage", "state"):
        good(strait.get(f"/v1/runs/{run.id}/{part}"))


def test_records_written_there_read_well_here(strait: Strait, api: Api) -> None:
    claim = api.claimed(payload=[1], tags=["a", "b:c", "d:e:f"], metadata={"deep": {"x": [1]}})
    path = f"/runs/{claim['run']['id']}"
    entries: list[Any] = [{"message": "plain"}, {"message": "x", "level": "error", "data": [1]}]
    native.good(api.post(f"{path}/logs", {"entries": entries}), 201)
    native.good(api.post(f"{path}/checkpoints", {"state": 1, "label": "x"}), 201)
    native.good(api.post(f"{path}/usage", {"model": "gpt-4o", "input_tokens": 1}), 201)
    native.good(api.post(f"{path}/tool-calls", {"name": "grep"}), 201)
    native.good(api.put(f"{path}/outputs/report", {"value": 1}))
    native.good(api.put(f"{path}/state/place", {"value": None}))
    api.fail(claim, {"message": "no", "kind": "oops", "data": {"a": 1}})
    run = strait.see(claim["run"]["id"])
    assert run["error"] == "no"
    for part in ("events", "checkpoints", "usage", "tool-calls", "outputs", "state"):
        assert len(good(strait.get(f"/v1{path}/{part}"))) >= 1, part
    good(strait.get(f"/v1{path}/debug-bundle"))


def test_keys_of_both_kinds_work_on_both_sides(strait: Strait, stand: Stand, api: Api) -> None:
    run = strait.run()
    ours = strait.as_key(api.key)
    assert good(ours.get(f"/v1/runs/{run['id']}"))["id"] == run["id"]
    reader = strait.as_key(stand.key("runs:read").key)
    good(reader.get("/v1/runs"))
    refused(reader.delete(f"/v1/runs/{run['id']}"), 403)
    listed = good(strait.get("/v1/api-keys"))["data"]
    assert len(listed) >= 2, "keys of both kinds are listed"


def test_a_job_changed_here_has_its_versions_there(strait: Strait, api: Api) -> None:
    job = strait.job()
    good(strait.patch(f"/v1/jobs/{job['id']}", {"timeout_secs": 9}))
    native.good(api.patch(f"/jobs/{job['slug']}", {"priority": 7}))
    assert good(strait.get(f"/v1/jobs/{job['id']}"))["version"] == 3
    assert len(good(strait.get(f"/v1/jobs/{job['id']}/versions"))["data"]) == 2
    assert len(api.listed(f"/jobs/{job['slug']}/versions")) == 3
