"""A run made here is visible and operable through `/runyard` and `/strait`, and the other way round."""

from __future__ import annotations

import pytest

from runyard.dialects.bamboosnow.mapping.values import shown
from runyard.domain.states import RunState
from tests.dialects.bamboosnow.client import Snow, good, ids, refused
from tests.dialects.bamboosnow.recipes import PAYLOAD
from tests.dialects.strait import client as strait_client
from tests.dialects.strait.client import Strait
from tests.dialects.strait.contract import the_contract
from tests.support import api as native
from tests.support.api import Api
from tests.support.stand import Stand
from tests.support.yard import Yard

NOBODY = "agent_" + "0" * 32
# DESIGN §4.
PLAIN = {
    **dict.fromkeys(("draft", "scheduled", "queued", "claimed", "needs_attention"), "queued"),
    **dict.fromkeys(("starting", "running", "waiting", "paused"), "running"),
    **dict.fromkeys(("failed", "crashed", "system_failed", "expired", "dead_letter"), "failure"),
    "completed": "success",
    "timed_out": "timeout",
    "canceled": "cancelled",
}
SDK = {"success": "completed", "failure": "failed", "timeout": "failed"}


@pytest.fixture
def api(stand: Stand) -> Api:
    """A native key of the same project."""
    return stand.key()


@pytest.fixture
def strait(stand: Stand) -> Strait:
    """A key of Strait's of the same project."""
    return Strait(stand, the_contract(), strait_client.strait_key(stand))


def test_a_run_asked_for_here_is_seen_and_steered_natively(snow: Snow, api: Api) -> None:
    agent = snow.agent(config={"deep": True})
    run = good(snow.post(f"/v1/agents/{agent['id']}/run", PAYLOAD))["run_id"]
    uuid = _uuid(run)
    seen = api.see(uuid)
    assert (seen["state"], seen["payload"], seen["job"]) == ("queued", PAYLOAD, agent["job"])
    assert [one["id"] for one in api.listed("/runs", job=agent["job"])] == [uuid]
    (claim,) = api.claim(jobs=[agent["job"]])
    api.report("start", native.proof(claim))
    assert (snow.status(run), snow.sdk(run)["status"]) == ("running", "running")
    native.good(api.post(f"/runs/{uuid}/pause"))
    assert (snow.status(run), snow.sdk(run)["status"]) == ("running", "running")
    native.good(api.post(f"/runs/{uuid}/cancel", {"reason": "enough"}))
    assert (snow.status(run), snow.sdk(run)["status"]) == ("cancelled", "cancelled")
    assert good(snow.post(f"/v1/runs/{run}/cancel"))["cancelled_at"] == snow.see(run)["completed_at"]


def test_what_a_worker_reports_natively_is_read_here(snow: Snow, api: Api) -> None:
    agent = snow.agent()
    run = snow.run(agent, PAYLOAD)
    (claim,) = api.claim(jobs=[agent["job"]])
    path, proof = f"/runs/{claim['run']['id']}", {"token": claim["lease"]["token"]}
    api.report("start", native.proof(claim))
    entries = [{"message": "looking", "level": "warning", "data": {"n": 1}}, {"message": "plain", "data": [1]}]
    native.good(api.post(f"{path}/logs", {"entries": entries, **proof}), 201)
    native.good(api.post(f"{path}/usage", {"model": "gpt-4o", "input_tokens": 7, "output_tokens": 5, **proof}), 201)
    native.good(api.post(f"{path}/tool-calls", {"name": "grep", **proof}), 201)
    api.complete(claim, {"ok": True})
    detail = snow.see(run)
    assert (detail["status"], detail["tokens_used"]) == ("success", {"input": 7, "output": 5})
    assert detail["pull_request"]["number"] == 42
    assert detail["results"] is None, "it told no findings"
    logs = good(snow.get(f"/v1/runs/{run['id']}/logs"))["logs"]
    assert [(one["level"], one["message"], one["data"]) for one in logs if one["message"] != "looks"] == [
        ("warn", "looking", {"n": 1}),
        ("info", "plain", {}),
    ]
    shown_run = snow.sdk(run)
    assert (shown_run["tokensUsed"], shown_run["status"]) == (12, "completed")
    assert "act" in {step["type"] for step in shown_run["thoughtTrace"]}


def test_a_run_that_failed_for_good_here_is_replayed_natively(snow: Snow, api: Api) -> None:
    run = snow.failed(snow.agent(), PAYLOAD)
    assert snow.status(run) == "failure"
    again = native.good(api.post(f"/runs/{run['uuid']}/replay"), 201)
    new = snow.see(shown("run", again["id"]))
    assert (new["status"], new["pull_request"]["number"]) == ("queued", 42)
    assert good(snow.get("/v1/runs"))["meta"]["total"] == 2


def test_an_agents_run_is_seen_and_steered_through_strait(snow: Snow, strait: Strait) -> None:
    agent = snow.agent()
    run = snow.run(agent, PAYLOAD)
    seen = strait.see(run["uuid"])
    assert (seen["status"], seen["payload"]) == ("queued", PAYLOAD)
    assert good(strait.get(f"/v1/jobs/{seen['job_id']}"))["slug"] == agent["job"]
    assert [one["id"] for one in good(strait.get("/v1/runs"))] == [run["uuid"]]
    good(strait.delete(f"/v1/runs/{run['uuid']}"))
    assert snow.status(run) == "cancelled"


def test_an_agent_triggered_through_strait_has_its_run_here(snow: Snow, strait: Strait) -> None:
    agent = snow.agent()
    job = next(one for one in good(strait.get("/v1/jobs"))["data"] if one["slug"] == agent["job"])
    made = strait.trigger(job["id"], payload={"pr_number": 7})
    (listed,) = good(snow.get("/v1/runs", agent_id=agent["id"]))["data"]
    assert (listed["id"], listed["status"], listed["pr_number"]) == (shown("run", made["id"]), "queued", 7)
    snow.complete(snow.start(listed))
    assert strait.status(made) == "completed"
    assert good(snow.get("/v1/runs/stats"))["stats"]["successful"] == 1


def test_a_run_asked_for_natively_is_an_agents_when_its_job_is(snow: Snow, api: Api) -> None:
    agent = snow.agent()
    run = api.run(job=agent["job"], payload=PAYLOAD)
    (listed,) = good(snow.get("/v1/runs"))["data"]
    assert (listed["id"], listed["agent_name"], listed["pr_number"]) == (shown("run", run["id"]), agent["name"], 42)


@pytest.mark.parametrize("state", sorted(RunState))
def test_a_run_in_any_state_and_of_no_agent_reads_well_here(snow: Snow, yard: Yard, state: RunState) -> None:
    run = shown("run", yard.in_state(state).id)
    plain = PLAIN[state]
    assert (snow.status(run), snow.sdk(run)["status"]) == (plain, SDK.get(plain, plain))
    detail = snow.see(run)
    assert detail["agent"]["id"] == snow.sdk(run)["agentId"] == NOBODY
    assert (detail["repository"], detail["pull_request"], detail["commit"]) == (None, None, None)
    assert good(snow.get("/v1/runs"))["data"] == [], "lists are of agents' runs"
    for path in (f"/v1/runs/{run}/logs", f"/api/v1/runs/{run}/logs", f"/api/v1/runs/{run}/trace"):
        good(snow.get(path))


@pytest.mark.parametrize("state", sorted(RunState))
def test_a_run_of_no_agent_is_cancelled_and_retried_by_the_same_rules(snow: Snow, yard: Yard, state: RunState) -> None:
    run = shown("run", yard.in_state(state).id)
    status = PLAIN[state]
    may_end = status in {"queued", "running", "cancelled"}
    response = snow.post(f"/v1/runs/{run}/cancel")
    if may_end:
        assert good(response)["status"] == "cancelled"
        assert snow.status(run) == "cancelled"
    else:
        refused(response, 409)
    retried = good(snow.post(f"/v1/runs/{run}/retry"))
    assert snow.status(retried["new_run_id"]) == "queued"


def test_keys_of_all_kinds_work_on_all_sides(snow: Snow, stand: Stand, api: Api, strait: Strait) -> None:
    run = snow.run(snow.agent())
    for key in (api.key, strait.key):
        assert good(snow.as_key(key).get(f"/v1/runs/{run['id']}"))["id"] == run["id"]
    assert api.as_key(snow.key).see(run["uuid"])["id"] == run["uuid"]
    reader = snow.as_key(stand.key("runs:read").key)
    assert ids(good(reader.get("/v1/runs"))["data"]) == [run["id"]]
    refused(reader.post(f"/v1/runs/{run['id']}/cancel"), 403)
    refused(snow.as_key(api.key).get("/api/v1/api-keys"), 403)
    listed = good(snow.get("/api/v1/api-keys"))["items"]
    assert "bootstrap" not in {one["name"] for one in listed}, "no admin's key"


def test_the_admin_key_acts_in_the_project_it_names(snow: Snow, stranger: Snow, stand: Stand) -> None:
    run = stranger.run(stranger.agent())
    admin = snow.as_key(stand.admin.key)
    refused(admin.get(f"/v1/runs/{run['id']}"), 404)
    assert good(admin.saying(x_runyard_project="other").get(f"/v1/runs/{run['id']}"))["id"] == run["id"]


def _uuid(run: str) -> str:
    digits = run.removeprefix("run_")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
