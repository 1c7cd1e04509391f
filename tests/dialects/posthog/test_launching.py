"""Runs launched, started, called off, and begun anew in another sandbox (contract §11)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from runyard.engine import claims
from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.support.verbs import Json

CLOUD = {"environment": "cloud"}
LOCAL = {"environment": "local"}


def take(posthog: Posthog) -> list[str]:
    """The ids of the runs that the launcher of sandboxes is given now."""
    asked = claims.ClaimRequest(project_id=1, executor="sandbox", queues=("default",), limit=10)
    granted: list[claims.Granted] = posthog.stand.store.transact(claims.claim, [asked])[0]
    return [one.run.id for one in granted]


def launch(posthog: Posthog, task: str, **said: Any) -> Json:
    """The task after a launch."""
    found: Json = good(posthog.post(f"tasks/{task}/run", said))
    return found


def test_a_launch_queues_a_run_for_a_sandbox(posthog: Posthog) -> None:
    task = posthog.task()
    seen = launch(posthog, task, branch="b", mode="interactive", pending_user_message=" hi ", runtime_adapter="claude")
    run = seen["latest_run"]
    assert (run["status"], run["environment"], run["branch"]) == ("queued", "cloud", "b")
    expected = {"mode": "interactive", "pending_user_message": " hi ", "runtime_adapter": "claude"}
    assert run["state"] == expected
    assert take(posthog) == [run["id"]]
    assert launch(posthog, task)["latest_run"]["state"] == {"mode": "background"}


def test_a_launch_goes_on_from_a_run_of_its_own_task_alone(posthog: Posthog) -> None:
    task = posthog.task()
    before, other = posthog.run(task, status="completed"), posthog.run(status="completed")
    run = launch(posthog, task, resume_from_run_id=before["id"])["latest_run"]
    assert run["state"]["resume_from_run_id"] == before["id"]
    for wrong in (other["id"], str(uuid4()), "x"):
        reply = posthog.post(f"tasks/{task}/run", {"resume_from_run_id": wrong}, loose=True)
        refused(reply, 400, code="invalid", attr="resume_from_run_id")


@pytest.mark.parametrize(
    ("said", "code", "attr"),
    [
        ({"mode": "fast"}, "invalid_choice", "mode"),
        ({"branch": "x" * 256}, "max_length", "branch"),
        ({"pending_user_message": " "}, "blank", "pending_user_message"),
        ({"pending_user_artifact_ids": ["x" * 129]}, "max_length", "pending_user_artifact_ids__0"),
        ({"pending_user_artifact_ids": None}, "null", "pending_user_artifact_ids"),
        ({"sandbox_environment_id": "x"}, "invalid", "sandbox_environment_id"),
        ({"runtime_adapter": "other"}, "invalid_choice", "runtime_adapter"),
    ],
)
def test_what_cannot_be_launched_is_refused_by_name(posthog: Posthog, said: Json, code: str, attr: str) -> None:
    refused(posthog.post(f"tasks/{posthog.task()}/run", said), 400, code=code, attr=attr)


def test_artifacts_that_nobody_uploaded_are_named(posthog: Posthog) -> None:
    said = {"pending_user_artifact_ids": ["0" * 32]}
    refusal = refused(posthog.post(f"tasks/{posthog.task()}/run", said), 400)
    assert refusal["missing_artifact_ids"] == ["0" * 32]
    run = posthog.run()
    assert refused(posthog.post(path_of(run, "start"), said), 400)["missing_artifact_ids"] == ["0" * 32]
    assert posthog.see(run)["status"] == "not_started"
    file = {"name": "a.txt", "type": "user_attachment", "content": "some text"}
    (entry,) = good(posthog.post(path_of(run, "artifacts"), {"artifacts": [file]}))["artifacts"]
    started = good(posthog.post(path_of(run, "start"), {"pending_user_artifact_ids": [entry["id"]]}))["latest_run"]
    assert (started["status"], started["state"]["pending_user_artifact_ids"]) == ("queued", [entry["id"]])
    said = {"pending_user_artifact_ids": [entry["id"]], "resume_from_run_id": run["id"]}
    refused(posthog.post(f"tasks/{run['task']}/run", said), 400)


@pytest.mark.parametrize("status", ["not_started", "queued"])
def test_a_run_in_the_cloud_is_started_with_a_message(posthog: Posthog, status: str) -> None:
    run = posthog.run(status=status, state={"a": 1})
    task = good(posthog.post(path_of(run, "start"), {"pending_user_message": "go"}))
    latest = task["latest_run"]
    assert (latest["id"], latest["status"]) == (run["id"], "queued")
    assert latest["state"] == {"a": 1, "mode": "background", "pending_user_message": "go"}
    assert take(posthog) == [run["id"]]
    assert good(posthog.post(path_of(run, "start")))["latest_run"]["status"] == "queued"


@pytest.mark.parametrize(
    "said", [{"status": "in_progress"}, {"status": "completed"}, {**LOCAL, "status": "queued"}, LOCAL]
)
def test_no_other_run_is_started(posthog: Posthog, said: Json) -> None:
    run = posthog.run(**said)
    refused(posthog.post(path_of(run, "start"), {"pending_user_message": "go"}), 400)
    assert posthog.see(run) == run


def test_a_canceled_run_stops_and_a_repeat_changes_nothing(posthog: Posthog) -> None:
    run = launch(posthog, posthog.task())["latest_run"]
    assert take(posthog) == [run["id"]]
    after = good(posthog.post(path_of(run, "cancel"), {"reason": "enough"}), 202)
    assert (after["status"], after["error_message"]) == ("cancelled", "enough")
    assert after["completed_at"] is not None
    assert good(posthog.post(path_of(run, "cancel"), {"reason": "again"})) == after
    assert good(posthog.post(path_of(posthog.run(status="completed"), "cancel")))["status"] == "completed"
    refused(posthog.post(path_of(posthog.run(**LOCAL), "cancel"), {}), 400)
    refused(
        posthog.post(path_of(run, "cancel"), {"reason": 5 * [1]}, loose=True), 400, code="invalid_input", attr="reason"
    )


@pytest.mark.parametrize("status", ["not_started", "completed", "failed", "cancelled"])
def test_a_run_begins_anew_in_another_sandbox(posthog: Posthog, status: str) -> None:
    run = posthog.run(status=status, error_message="broke", output={"pr_url": "http://a/1"}, state={"a": 1})
    after = good(posthog.post(path_of(run, "resume_in_cloud")))
    assert (after["status"], after["environment"]) == ("queued", "cloud")
    assert (after["completed_at"], after["error_message"]) == (None, None)
    assert (after["output"], after["state"]) == ({"pr_url": "http://a/1"}, {"a": 1, "mode": "background"})
    assert take(posthog) == [run["id"]]
    refused(posthog.post(path_of(run, "resume_in_cloud")), 400)


@pytest.mark.parametrize("status", ["not_started", "queued", "in_progress", "completed"])
def test_a_run_from_outside_goes_on_in_the_cloud(posthog: Posthog, status: str) -> None:
    run = posthog.run(**LOCAL, status=status)
    assert take(posthog) == []
    after = good(posthog.post(path_of(run, "resume_in_cloud")))
    assert (after["status"], after["environment"]) == ("queued", "cloud")
    assert take(posthog) == [run["id"]]


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_what_is_in_the_cloud_already_does_not_begin_anew(posthog: Posthog, status: str) -> None:
    run = posthog.run(status=status)
    refused(posthog.post(path_of(run, "resume_in_cloud")), 400)
    assert posthog.see(run) == run


def test_what_was_of_the_last_sandbox_is_forgotten(posthog: Posthog) -> None:
    secret = {"sandbox_url": "http://127.0.0.1:1", "sandbox_id": "x", "sandbox_jwt_kid": "k"}
    run = posthog.run(status="in_progress")
    admin = posthog.as_key(posthog.stand.admin.key)
    admin.change(run, state=secret, status="failed", error_message="it broke")
    after = good(posthog.post(path_of(run, "resume_in_cloud")))
    assert after["state"] == {"mode": "background"}
    native = good(posthog.stand.admin.get(f"/runs/{run['id']}"))
    assert (native["attempt"], native["state"], native["error"]) == (2, "queued", None)


def test_a_task_that_is_paused_or_blocked_holds_all_its_queued_runs_back(posthog: Posthog) -> None:
    admin = posthog.stand.admin
    first = posthog.task()
    task = good(posthog.post("tasks", {"title": "later"}), 201)["id"]
    good(admin.post(f"/tasks/{task}/dependencies", {"depends_on": first}))
    runs = [launch(posthog, task)["latest_run"]["id"] for _ in range(2)]
    assert take(posthog) == []
    good(admin.post(f"/tasks/{task}/pause", {"reason": "wait"}))
    posthog.run(first, status="completed")
    assert take(posthog) == []
    runs.append(launch(posthog, task)["latest_run"]["id"])
    assert take(posthog) == []
    good(admin.post(f"/tasks/{task}/resume", {}))
    assert sorted(take(posthog)) == sorted(runs)
