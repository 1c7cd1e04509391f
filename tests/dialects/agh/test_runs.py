"""Runs by themselves, and what people and programs do to them (contract §5, §23)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.dialects.agh.mapping.values import shown
from tests.dialects.agh.client import Agh, good, refused
from tests.support.verbs import Json


def do(agh: Agh, run: Json, verb: str, body: Any = None, status: int = 200) -> Json:
    """Do something to the run; the run as it is then."""
    response = agh.post(f"/api/task-runs/{run['id']}/{verb}", body if body is not None else {})
    found: Json = good(response, status)["run"]
    return found


def events(agh: Agh, run: Json) -> list[Json]:
    """The lines of the task's timeline about the run, oldest first."""
    lines = good(agh.get(f"/api/tasks/{run['task_id']}/timeline"))["timeline"]
    return [line for line in lines if line.get("run", {}).get("id") == run["id"]]


def test_a_person_works_on_a_run_without_a_lease(agh: Agh) -> None:
    run = agh.start()
    assert run["status"] == "queued"
    claimed = do(agh, run, "claim")
    assert (claimed["status"], claimed["claimed_by"]) == ("claimed", {"kind": "human", "ref": "local-user"})
    assert not {"session_id", "lease_until", "claim_token_hash", "heartbeat_at"} & claimed.keys()
    assert claimed["claimed_at"]
    running = do(agh, run, "start")
    assert (running["status"], running["session_id"][:5]) == ("running", "sess-")
    assert agh.status(run["task_id"]) == "in_progress"
    done = do(agh, run, "complete", {"result": {"answer": 42}})
    assert (done["status"], done["result"], done["session_id"]) == (
        "completed",
        {"answer": 42},
        running["session_id"],
    )
    told = events(agh, run)
    assert [line["event_type"] for line in told][:6] == [
        "task.run_enqueued",
        "task.run_claimed",
        "task.run_starting",
        "task.run_session_bound",
        "task.run_started",
        "task.run_completed",
    ]
    assert told[1]["payload"]["lease_until"] == "0001-01-01T00:00:00Z"
    assert told[1]["origin"] == {"kind": "http", "ref": "tasks.claim_run"}
    assert told[5]["payload"]["result"] == {"answer": 42}


def test_bodies_may_be_missing_but_where_something_must_be_said(agh: Agh) -> None:
    run = agh.start()
    for verb in ("claim", "start", "complete"):
        good(agh.post(f"/api/task-runs/{run['id']}/{verb}"))
    refused(agh.post(f"/api/task-runs/{run['id']}/fail"), 400)
    refused(agh.post(f"/api/task-runs/{run['id']}/attach-session"), 400)
    good(agh.post(f"/api/task-runs/{agh.start()['id']}/cancel"))


def test_the_detail_of_a_run_names_its_task_and_its_session(agh: Agh) -> None:
    run = agh.start()
    detail = good(agh.get(f"/api/task-runs/{run['id']}"))["run"]
    assert (detail["run"], detail["task"]["id"]) == (run, run["task_id"])
    assert "session" not in detail
    assert detail["summary"]["last_event_type"] == "task.run_enqueued"
    do(agh, run, "claim")
    session = do(agh, run, "start")["session_id"]
    good(agh.post(f"/api/tasks/{run['task_id']}/pause", {"reason": "look"}))
    detail = good(agh.get(f"/api/task-runs/{run['id']}"))["run"]
    assert (detail["session"]["session_id"], detail["session"]["agent_name"]) == (session, "worker")
    assert detail["session"]["state"] == "active"
    assert (detail["task"]["status"], detail["task"]["effective_paused"]) == ("in_progress", True)


def test_a_session_is_attached_and_the_run_fails(agh: Agh) -> None:
    run, session = agh.start(), agh.session("coder")
    body = {"session_id": shown("sess", session.id)}
    refused(agh.post(f"/api/task-runs/{run['id']}/attach-session", body), 409, "queued")
    do(agh, run, "claim")
    for wrong in ("sess-0", shown("sess", session.id.replace("0", "1"))):
        refused(agh.post(f"/api/task-runs/{run['id']}/attach-session", {"session_id": wrong}), 404)
    refused(agh.post(f"/api/task-runs/{run['id']}/attach-session", {"session_id": " "}), 400, "session_id")
    attached = do(agh, run, "attach-session", body)
    assert (attached["status"], attached["session_id"]) == ("starting", body["session_id"])
    refused(agh.post(f"/api/task-runs/{run['id']}/attach-session", body), 409, "already")
    refused(agh.post(f"/api/task-runs/{run['id']}/fail", {"error": " "}), 400, "error")
    refused(agh.post(f"/api/task-runs/{run['id']}/fail", {"error": "x", "metadata": {"a": {"Claim_Token": 1}}}), 400)
    refused(agh.post(f"/api/task-runs/{run['id']}/fail", {"error": "x", "metadata": "x" * 65_536}), 413)
    failed = do(agh, run, "fail", {"error": "it broke", "metadata": {"code": 3}})
    assert (failed["status"], failed["error"]) == ("failed", "it broke")
    assert events(agh, run)[-1]["payload"]["metadata"] == {"code": 3}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_runs_under_a_lease_are_ended_by_who_holds_it(agh: Agh) -> None:
    run = agh.start()
    agent = agh.as_session()
    assert agent.claim() is not None
    running = do(agent, run, "start", {"idempotency_key": "go"})
    assert (running["status"], running["claimed_by"]["ref"]) == ("running", agent.headers["x-agh-session-id"])
    refused(agh.post(f"/api/task-runs/{run['id']}/complete"), 409, "lease")
    refused(agh.post(f"/api/task-runs/{run['id']}/fail", {"error": "x"}), 409, "lease")
    good(agent.post(f"/api/agent/tasks/{run['id']}/complete", {}))
    refused(agh.post(f"/api/task-runs/{run['id']}/complete"), 409, "lease")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_agents_must_send_a_key(agh: Agh) -> None:
    run, agent = agh.start(), agh.as_session()
    for verb in ("claim", "start"):
        refused(agent.post(f"/api/task-runs/{run['id']}/{verb}"), 400, "idempotency_key")
    good(agent.post(f"/api/task-runs/{run['id']}/claim", {"idempotency_key": " k "}))
    refused(agh.saying(x_agh_agent="coder").get(f"/api/task-runs/{run['id']}"), 401, code="identity_required")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_who_may_claim_what_has_an_owner(agh: Agh) -> None:
    agent = agh.as_session()
    owners = {"pool": "coder", "agent_session": agent.headers["x-agh-session-id"]}
    runs = {kind: agh.start(agh.task(owner={"kind": kind, "ref": ref})) for kind, ref in owners.items()}
    for run in runs.values():
        refused(agh.post(f"/api/task-runs/{run['id']}/claim"), 403)
    refused(agent.post(f"/api/task-runs/{runs['pool']['id']}/claim", {"idempotency_key": "k"}), 403)
    do(agent, runs["agent_session"], "claim", {"idempotency_key": "k"})
    do(agh, agh.start(agh.task(owner={"kind": "human", "ref": "ann"})), "claim")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_cancelling_tells_why_and_clears_what_came(agh: Agh) -> None:
    run = agh.start()
    do(agh, run, "claim")
    do(agh, run, "start")
    canceled = do(agh, run, "cancel", {"reason": " enough ", "metadata": {"by": "me"}})
    assert canceled["status"] == "canceled"
    assert not {"error", "result"} & canceled.keys()
    said = events(agh, run)[-1]["payload"]
    assert (said["reason"], said["metadata"], said["cooperative_stop_requested"]) == ("enough", {"by": "me"}, True)
    assert agh.status(run["task_id"]) == "canceled"
    refused(agh.post(f"/api/task-runs/{run['id']}/cancel"), 409)
    refused(agh.post(f"/api/task-runs/{run['id']}/cancel", {"metadata": "x" * 65_536}), 413)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_strangers_and_odd_ids_find_nothing(agh: Agh, stranger: Agh) -> None:
    run = agh.start()
    bodies = {"attach-session": {"session_id": "sess-" + "0" * 32}, "fail": {"error": "x"}}
    for verb in ("claim", "start", "attach-session", "complete", "fail", "cancel"):
        refused(stranger.post(f"/api/task-runs/{run['id']}/{verb}", bodies.get(verb, {})), 404)
        for odd in ("run-0", "x", "%00", run["task_id"]):
            refused(agh.post(f"/api/task-runs/{odd}/{verb}", bodies.get(verb, {})), 404)
    refused(stranger.get(f"/api/task-runs/{run['id']}"), 404)
    refused(agh.with_scopes("task:read").post(f"/api/task-runs/{run['id']}/claim"), 403)
    refused(agh.post(f"/api/task-runs/{run['id']}/claim", {"idempotency_key": 7}), 400)
