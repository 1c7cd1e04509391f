"""Runs of tasks by themselves, and what people do to them, over HTTP."""

from __future__ import annotations

import pytest

from tests.dialects.native.task_claim_recipes import held, queued, session_of
from tests.dialects.native.task_run_recipes import failed, starved
from tests.support.api import Api, good, refused
from tests.support.stand import Stand


def test_a_person_works_on_a_run_without_a_lease(stand: Stand, api: Api) -> None:
    path = f"/task-runs/{queued(stand)}"
    claimed = good(api.post(f"{path}/claim"))
    assert (claimed["state"], claimed["session_id"], claimed["lease_until"]) == ("claimed", None, None)
    assert claimed["claimed_by"]["kind"] == "human"
    assert refused(api.post(f"{path}/end", {"outcome": "completed"}), 409)["code"] == "conflict"
    session_id = session_of(stand)
    attached = good(api.post(f"{path}/attach", {"session_id": session_id}))
    assert (attached["state"], attached["session_id"]) == ("starting", session_id)
    assert good(api.post(f"{path}/start"))["state"] == "running"
    detail = good(api.get(path))
    assert (detail["session"]["id"], detail["session"]["state"]) == (session_id, "active")
    assert (detail["task"]["status"], detail["last_event"]["type"]) == ("in_progress", "task.run_started")
    refused(api.post(f"{path}/end", {"outcome": "failed"}), 400)
    ended = good(api.post(f"{path}/end", {"outcome": "failed", "error": "it broke", "metadata": {"code": 3}}))
    assert (ended["state"], ended["error"]["message"]) == ("failed", "it broke")
    assert good(api.get(path))["session"]["state"] == "stopping"
    refused(api.post(f"{path}/cancel"), 409)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_runs_under_a_lease_are_ended_by_their_session_or_by_force(stand: Stand, api: Api) -> None:
    session_id, run_id = held(stand, api)
    refused(api.post(f"/task-runs/{run_id}/end", {"outcome": "completed"}), 409)
    released = good(api.post(f"/task-runs/{run_id}/force-release"))
    assert (released["state"], released["session_id"], session_id is not None) == ("queued", None, True)
    assert refused(api.post(f"/task-runs/{run_id}/force-release"), 409)["code"] == "task_run_not_releasable"
    refused(api.post(f"/task-runs/{run_id}/force-fail", {"reason": ""}), 400)
    refused(api.post(f"/task-runs/{run_id}/force-fail", {"reason": " "}), 400)
    ended = good(api.post(f"/task-runs/{run_id}/force-fail", {"reason": "stuck"}))
    assert (ended["state"], ended["failure_kind"]) == ("failed", "operator_forced")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_runs_take_the_place_of_others(stand: Stand, api: Api) -> None:
    source = failed(stand, api)
    done = good(api.post(f"/task-runs/{source}/retry", {"metadata": {"n": 2}}), 201)
    assert (done["previous"]["id"], done["run"]["previous_run_id"], done["run"]["attempt"]) == (source, source, 2)
    assert done["run"]["metadata"] == {"n": 2}
    refused(api.post(f"/task-runs/{source}/retry"), 409)
    source = starved(stand)
    found = good(api.get(f"/task-runs/{source}/inspect"))
    assert (found["run"]["state"], found["next"]) == ("needs_attention", "waiting_for_session")
    done = good(api.post(f"/task-runs/{source}/recover", {"reason": "back"}), 201)
    assert (done["previous"]["state"], done["run"]["state"]) == ("failed", "queued")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_many_runs_are_each_decided_by_themselves(stand: Stand, api: Api) -> None:
    one, other = queued(stand), failed(stand, api)
    body = {"run_ids": [other, one, one, "nothing"], "reason": "cleaning"}
    results = good(api.post("/task-runs/force-fail", body))["results"]
    assert [(row["run_id"], row["error"] and row["error"]["status"]) for row in results] == [
        (other, 409),
        (one, None),
        ("nothing", 404),
    ]
    refused(api.post("/task-runs/force-fail", {"run_ids": ["x"] * 51, "reason": "x"}), 400)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_stranded_run_is_looked_at(stand: Stand, api: Api) -> None:
    run_id = queued(stand)
    stand.clock.forward(seconds=300)
    found = good(api.get(f"/task-runs/{run_id}/inspect"))
    assert (found["next"], [one["trouble"] for one in found["findings"]]) == ("stranded", ["stranded"])
    assert found["findings"][0]["evidence"]["queued_age_seconds"] == 300
    assert good(api.get(f"/tasks/{found['task']['id']}/inspect"))["findings"] == found["findings"]
    refused(stand.key("task:read").post(f"/task-runs/{run_id}/claim"), 403)
