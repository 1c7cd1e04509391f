"""Sessions of agents over the native API: claims of runs of tasks, and what they say of these."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from runyard.engine.tasks import settling
from runyard.web import waiting
from tests.dialects.native.task_claim_recipes import held, queued, session_of
from tests.support.api import Api, good, refused
from tests.support.stand import PATIENCE, Stand
from tests.support.yard import PERSON

UNKNOWN = "0199b3c4-0000-7000-8000-00000000a001"


def test_a_session_claims_and_completes(api: Api, stand: Stand) -> None:
    session_id, run_id = held(stand, api)
    run = good(api.post(f"/task-runs/{run_id}/heartbeat", {"session_id": session_id, "lease_seconds": 900}))
    assert (run["state"], run["session_id"]) == ("claimed", session_id)
    assert run["claimed_by"] == {"kind": "agent_session", "ref": session_id}
    done = good(api.post(f"/task-runs/{run_id}/complete", {"session_id": session_id, "output": {"n": 1}}))
    assert (done["state"], done["output"], done["lease_until"]) == ("completed", {"n": 1}, None)
    late = refused(api.post(f"/task-runs/{run_id}/complete", {"session_id": session_id}), 409, "lease_over")
    assert "completed" in late["detail"]


def test_a_report_under_a_key_is_answered_again(api: Api, stand: Stand) -> None:
    session_id, run_id = held(stand, api)
    for _ in range(2):
        done = api.post(f"/task-runs/{run_id}/complete", {"session_id": session_id}, headers={"idempotency-key": "k"})
        assert good(done)["state"] == "completed"
    assert done.headers["idempotency-replayed"] == "true"
    gone = {"session_id": UNKNOWN}
    refused(api.post(f"/task-runs/{run_id}/complete", gone, headers={"idempotency-key": "j"}), 404)


def test_what_a_claim_is_told(api: Api, stand: Stand) -> None:
    assert good(api.post("/tasks/claim", {"session_id": session_of(stand)})) == {"claim": None}
    run_id = queued(stand, priority=4, description="all of it", metadata='{"why":"because"}')
    assert good(api.post("/tasks/claim", {"session_id": session_of(stand), "least_priority": 5}))["claim"] is None
    claim = good(api.post("/tasks/claim", {"session_id": session_of(stand)}))["claim"]
    task, run = claim["task"], claim["run"]
    assert (run["id"], run["task_id"], run["attempt"]) == (run_id, task["id"], 1)
    assert (task["description"], task["metadata"], task["priority"]) == ("all of it", {"why": "because"}, 4)
    line = good(api.get(f"/tasks/{task['id']}/timeline"))["data"][-1]
    assert (line["type"], line["seq"]) == ("task.run_claimed", claim["seq"])


def test_only_a_session_that_is_there_may_claim(api: Api, stand: Stand) -> None:
    session_id, run_id = held(stand, api)
    refused(api.post("/tasks/claim", {"session_id": session_id}), 409)
    for odd in (UNKNOWN, "nobody", "ü"):
        refused(api.post("/tasks/claim", {"session_id": odd}), 404)
    refused(api.post("/tasks/claim", {"session_id": session_of(stand), "workspace_id": UNKNOWN}), 403)
    stand.store.transact(settling.end, [session_id], PERSON)
    refused(api.post("/tasks/claim", {"session_id": session_id}), 409)
    refused(api.post(f"/task-runs/{run_id}/release", {"session_id": session_id}), 409)


def test_runs_of_tasks_are_for_sessions_alone(api: Api, stand: Stand) -> None:
    run_id = queued(stand)
    refused(api.post("/runs/claim", {"executor": "session"}), 400)
    refused(api.post("/runs", {"executor": "session", "queue": "global"}), 400)
    refused(api.post("/jobs", {"name": "odd", "executor": "session"}), 400)
    refused(api.post("/runs", {"executor": "sandbox"}), 400)
    refused(api.post("/jobs", {"name": "odd", "executor": "sandbox"}), 400)
    assert api.claim(10) == []
    claim = good(api.post("/tasks/claim", {"session_id": session_of(stand)}))["claim"]
    assert claim["run"]["id"] == run_id


def test_a_waiting_claim_is_woken(api: Api, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "RECHECK_SECONDS", 10 * PATIENCE)
    session_id = session_of(stand)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(api.post, "/tasks/claim", {"session_id": session_id, "wait_seconds": 60})
        stand.until(lambda: stand.waiting("ready:1"))
        run_id = queued(stand)
        assert good(waits.result(PATIENCE))["claim"]["run"]["id"] == run_id
    assert good(api.post("/tasks/claim", {"session_id": session_of(stand), "wait_seconds": 0.05}))["claim"] is None
