"""What is done to tasks over the AGH dialect (contract §6, §11–§15)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.agh.client import Agh, good, id_of, refused
from tests.support.verbs import Json


def do(agh: Agh, task: Json | str, verb: str, body: Any = None, status: int = 200) -> Json:
    """What the verb answers."""
    more = () if body is None else (body,)
    answer: Json = good(agh.post(f"/api/tasks/{id_of(task)}/{verb}", *more), status)
    return answer


def test_publish_start_and_enqueue_queue_runs(agh: Agh):
    draft = agh.task(draft=True)
    answer = do(agh, draft, "publish", {"network_channel": "ops", "metadata": {"a": 1}})
    task, run = answer["task"], answer["run"]
    assert (task["status"], run["status"], run["attempt"]) == ("ready", "queued", 1)
    assert (run["network_channel"], run["metadata"]) == ("ops", {"a": 1})
    assert run["idempotency_key"] == f"task.publish.{draft['id']}"
    assert run["origin"] == {"kind": "http", "ref": "tasks.publish"}
    assert "draft" not in task
    assert task["latest_event_seq"] == agh.see(draft)["task"]["latest_event_seq"]
    refused(agh.post(f"/api/tasks/{agh.task()['id']}/publish"), 409, "only a draft")
    ready = agh.task()
    started = do(agh, ready, "start", status=201)
    assert started["run"]["idempotency_key"] == f"task.start.{ready['id']}"
    assert do(agh, ready, "start", {}, status=201)["run"]["id"] == started["run"]["id"]
    plain = agh.task()
    run = do(agh, plain, "runs", {"idempotency_key": "k"}, status=201)["run"]
    assert run["idempotency_key"] == "k"
    assert do(agh, plain, "runs", {"idempotency_key": " k "}, status=201)["run"] == run
    refused(agh.post(f"/api/tasks/{ready['id']}/runs", {"idempotency_key": "k"}), 400, "another task")
    refused(agh.post(f"/api/tasks/{plain['id']}/runs"), 409, "one at a time")
    refused(agh.post(f"/api/tasks/{agh.task(draft=True)['id']}/start"), 409, "draft")


def test_an_agent_must_send_a_key_to_queue_a_run(agh: Agh):
    task = agh.task()
    agent = agh.as_session()
    refused(agent.post(f"/api/tasks/{task['id']}/runs"), 400, "idempotency_key")
    assert do(agent, task, "runs", {"idempotency_key": "mine"}, status=201)["run"]["attempt"] == 1


def test_what_is_wrong_with_a_wish_is_said(agh: Agh):
    task = agh.task()
    path = f"/api/tasks/{task['id']}/start"
    refused(agh.post(path, {"network_channel": "No Channel"}), 400, "channel")
    refused(agh.post(path, {"metadata": "x" * (16 << 10)}), 413, "bytes")
    refused(agh.post(path, {"idempotency_key": "k" * 600}), 400, "512")
    refused(agh.post(path, {"idempotency_key": 3}), 400)
    assert "runs" not in agh.see(task) or agh.see(task)["runs"] == []


def test_approvals(agh: Agh):
    task = agh.task(approval_policy="manual")
    refused(agh.post(f"/api/tasks/{task['id']}/start"), 409, "approval")
    answer = do(agh, task, "approve", status=201)
    assert (answer["task"]["status"], answer["task"]["approval_state"]) == ("ready", "approved")
    assert answer["run"]["idempotency_key"] == f"task.approval.{task['id']}"
    assert do(agh, task, "approve", status=201)["run"]["id"] == answer["run"]["id"]
    other = agh.task(approval_policy="manual")
    no = do(agh, other, "reject")["task"]
    assert (no["status"], no["approval_state"]) == ("blocked", "rejected")
    refused(agh.post(f"/api/tasks/{other['id']}/approve"), 409, "rejected")
    refused(agh.post(f"/api/tasks/{agh.task()['id']}/reject"), 409, "needs no approval")
    draft = agh.task(draft=True, approval_policy="manual")
    refused(agh.post(f"/api/tasks/{draft['id']}/approve"), 409, "draft")
    assert agh.see(draft)["task"]["approval_state"] == "pending"


def test_dependencies(agh: Agh):
    task, other = agh.task(), agh.task()
    path = f"/api/tasks/{task['id']}/dependencies"
    detail = good(agh.post(path, {"depends_on_task_id": other["id"]}))["task"]
    assert detail["summary"]["status"] == "blocked"
    (edge,) = detail["dependencies"]
    assert (edge["task_id"], edge["depends_on_task_id"], edge["kind"]) == (task["id"], other["id"], "blocks")
    assert detail["dependency_references"][0]["depends_on"]["id"] == other["id"]
    event = detail["events"][0]
    assert (event["event_type"], event["payload"]) == (
        "task.dependency_added",
        {"depends_on_task_id": other["id"], "kind": "blocks", "status": "blocked"},
    )
    refused(agh.post(path, {"depends_on_task_id": other["id"], "kind": "BLOCKS"}, loose=True), 400, "already")
    refused(agh.post(path, {"depends_on_task_id": task["id"]}), 400, "itself")
    refused(agh.post(path, {"depends_on_task_id": "task-" + "0" * 32}), 404)
    refused(agh.post(path, {"depends_on_task_id": " "}), 400, "depends_on_task_id")
    refused(agh.post(path, {"depends_on_task_id": other["id"], "kind": "likes"}), 400, "blocks")
    refused(agh.post(path), 400)
    back = f"/api/tasks/{other['id']}/dependencies"
    refused(agh.post(back, {"depends_on_task_id": task["id"]}), 409, "circle")
    detail = good(agh.delete(f"{path}/{other['id']}"))["task"]
    assert detail["summary"]["status"] == "ready"
    assert "dependencies" not in detail or detail["dependencies"] == []
    refused(agh.delete(f"{path}/{other['id']}"), 404, "does not depend")


def test_pause_and_resume(agh: Agh):
    root = agh.task()
    child = agh.task(parent=root)
    do(agh, child, "runs", {}, status=201)
    task = do(agh, root, "pause", {"reason": " later ", "metadata": {"a": 1}})["task"]
    assert task["paused"] is task["effective_paused"] is True
    assert (task["paused_by"], task["paused_reason"], task["paused_by_task_id"]) == (
        "human:local-user",
        "later",
        root["id"],
    )
    seen = agh.see(child)["task"]
    assert (seen.get("paused"), seen["effective_paused"], seen["paused_by_task_id"]) == (None, True, root["id"])
    agent = agh.as_session()
    assert agent.claim() is None
    task = do(agh, root, "resume", {"metadata": None})["task"]
    assert not {"paused", "effective_paused", "paused_at", "paused_by", "paused_reason"} & task.keys()
    claim = agent.claim()
    assert claim is not None
    assert claim["task"]["id"] == child["id"]


def test_a_pause_needs_a_reason_and_a_task_that_is_not_final(agh: Agh):
    task = agh.task()
    for body in ({"reason": " "}, {"reason": None}, {}):
        said = refused(agh.post(f"/api/tasks/{task['id']}/pause", body), 422, "reason", code="force_op_requires_reason")
        assert said["diagnostic"]["id"] == "task.pause.force_op_requires_reason"
    refused(agh.post(f"/api/tasks/{task['id']}/pause"), 400)
    do(agh, task, "cancel")
    said = refused(
        agh.post(f"/api/tasks/{task['id']}/pause", {"reason": "x"}), 409, "canceled", code="task_run_already_terminal"
    )
    assert (said["diagnostic"]["id"], said["diagnostic"]["severity"]) == (
        "task.pause.task_run_already_terminal",
        "info",
    )
    assert do(agh, task, "resume")["task"]["status"] == "canceled"


def test_an_agent_pauses_under_its_own_name_and_not_too_often(agh: Agh):
    task = agh.task()
    agent = agh.as_session()
    session = agent.headers["x-agh-session-id"]
    paused = do(agent, task, "pause", {"reason": "wait"})["task"]
    assert paused["paused_by"] == f"agent_session:{session}"
    assert agh.see(task)["events"][0]["payload"]["actor_id"] == session
    for _ in range(9):
        do(agent, task, "resume")
    refused(agent.post(f"/api/tasks/{task['id']}/resume"), 429, code="force_op_rate_limited")
    do(agh, task, "resume")


def test_cancel_takes_everything_below_along(agh: Agh):
    root = agh.task()
    child = agh.task(parent=root)
    run = do(agh, child, "runs", {}, status=201)["run"]
    task = do(agh, root, "cancel", {"reason": "enough", "metadata": {"a": 1}})["task"]
    assert (task["status"], "closed_at" in task) == ("canceled", True)
    assert do(agh, root, "cancel")["task"] == task
    detail = agh.see(child)
    assert (detail["task"]["status"], detail["runs"][0]["status"]) == ("canceled", "canceled")
    told, canceled = detail["events"][:2]
    assert (told["event_type"], canceled["event_type"]) == ("task.canceled", "task.run_canceled")
    assert told["payload"] == {
        "reason": "enough",
        "metadata": {"a": 1},
        "status": "canceled",
        "propagated_from_task_id": root["id"],
        "canceled_run_ids": [run["id"]],
    }
    refused(agh.post(f"/api/tasks/{child['id']}/runs", {}), 409, "canceled")
    done = agh.task()
    refused(agh.post(f"/api/tasks/{done['id']}/cancel", {"metadata": "x" * (64 << 10)}), 413)
    assert agh.status(done) == "ready"


@pytest.mark.parametrize("verb", ["publish", "start", "runs", "approve", "reject", "cancel", "resume"])
def test_other_projects_and_unknown_tasks_are_not_found(agh: Agh, stranger: Agh, verb: str):
    task = agh.task(draft=True)
    refused(stranger.post(f"/api/tasks/{task['id']}/{verb}"), 404)
    refused(agh.post(f"/api/tasks/nothing/{verb}"), 404)
    refused(agh.with_scopes("task:read").post(f"/api/tasks/{task['id']}/{verb}"), 403)
