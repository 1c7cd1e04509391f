"""Runs of a task: made, listed, read and changed (contract §3, §4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.support.stand import ADMIN

EVERY = ("not_started", "queued", "in_progress", "completed", "failed", "cancelled")


def test_a_new_run_is_a_record_with_every_key(posthog: Posthog) -> None:
    task = posthog.task()
    run = posthog.run(task)
    assert (run["task"], run["status"], run["environment"], run["completed_at"]) == (task, "not_started", "cloud", None)
    assert run["state"] == {"mode": "background"}
    assert run["artifacts"] == []
    assert run["log_url"].startswith("http")
    assert posthog.see(run) == run


def test_what_is_said_of_how_a_run_begins_is_kept_in_its_state(posthog: Posthog) -> None:
    run = posthog.run(mode="interactive", runtime_adapter="codex", model="m", state={"a": 1}, stage="plan", branch="b")
    assert run["state"] == {"a": 1, "mode": "interactive", "runtime_adapter": "codex", "model": "m"}
    assert (run["runtime_adapter"], run["provider"], run["model"]) == ("codex", "openai", "m")
    assert (run["stage"], run["branch"]) == ("plan", "b")


@pytest.mark.parametrize("status", EVERY)
def test_a_run_can_be_made_in_every_status(posthog: Posthog, status: str) -> None:
    run = posthog.run(status=status, error_message="it broke" if status == "failed" else None)
    assert run["status"] == status
    assert (run["completed_at"] is not None) == (status in ("completed", "failed", "cancelled"))


@pytest.mark.parametrize("wanted", EVERY)
@pytest.mark.parametrize("status", EVERY)
def test_a_run_is_brought_into_any_status_until_it_has_ended(posthog: Posthog, status: str, wanted: str) -> None:
    run = posthog.run(status=status)
    ended = status in ("completed", "failed", "cancelled")
    after = posthog.change(run, status=wanted, error_message="late" if ended else None)
    assert after["status"] == (status if ended else wanted)
    if ended:
        assert after["completed_at"] == run["completed_at"]
        assert after["error_message"] == run["error_message"]


def test_parts_of_output_and_state_are_merged_and_named_ones_removed_before(posthog: Posthog) -> None:
    run = posthog.run(output={"pr_url": "http://a/1"}, state={"pending_user_message": "hi", "log": 1})
    said: dict[str, Any] = {"branch": "fix", "output": {"head_branch": "fix"}}
    run = posthog.change(run, **said)
    assert run["output"] == {"pr_url": "http://a/1", "head_branch": "fix"}
    run = posthog.change(run, state={"log": 2}, state_remove_keys=["pending_user_message", "log"])
    assert run["state"] == {"mode": "background", "log": 2}
    run = posthog.change(run, state_append={"log": [3, 4], "new": 5})
    assert run["state"] == {"mode": "background", "log": [3, 4], "new": [5]}
    assert posthog.change(run, output=None)["output"] is None
    good(posthog.patch(path_of(run), {"state": [1]}))
    refused(posthog.patch(path_of(run), {"state": None}), 400, code="null", attr="state")


def test_output_and_state_are_written_after_the_end_too(posthog: Posthog) -> None:
    run = posthog.change(posthog.run(), status="completed")
    after = posthog.change(run, output={"commit_sha": "f00"}, state={"token_usage": {"in": 1}}, branch="b", stage="s")
    assert (after["status"], after["output"], after["branch"]) == ("completed", {"commit_sha": "f00"}, "b")
    assert after["state"]["token_usage"] == {"in": 1}
    assert after["updated_at"] >= run["updated_at"]


def test_only_an_operator_sets_where_a_sandbox_is_and_nobody_reads_its_token(posthog: Posthog) -> None:
    secret = {"sandbox_url": "http://127.0.0.1:1", "sandbox_connect_token": "s3cret", "sandbox_id": "x"}
    run = posthog.run(state=secret)
    assert run["state"] == {"mode": "background"}
    assert posthog.change(run, state=secret)["state"] == {"mode": "background"}
    after = posthog.as_key(ADMIN).change(run, state=secret)
    assert after["state"] == {"mode": "background", "sandbox_url": "http://127.0.0.1:1", "sandbox_id": "x"}
    assert posthog.change(run, state_remove_keys=["sandbox_url"])["state"]["sandbox_url"] == "http://127.0.0.1:1"
    assert (
        "s3cret"
        not in posthog.stand.http.get(
            f"/runyard/v1/runs/{run['id']}", headers={"authorization": f"Bearer {ADMIN}"}
        ).text
    )


def test_pages_are_numbered_and_newest_first(posthog: Posthog) -> None:
    task = posthog.task()
    ids = [posthog.run(task)["id"] for _ in range(5)][::-1]
    path = posthog.runs(task)
    first = good(posthog.get(path, limit=2, stage="x"))
    assert ([run["id"] for run in first["results"]], first["count"], first["previous"]) == (ids[:2], 5, None)
    assert "limit=2" in first["next"]
    assert "stage=x" in first["next"]
    following = posthog.stand.http.get(first["next"], headers={"authorization": f"Bearer {posthog.key}"}).json()
    assert [run["id"] for run in following["results"]] == ids[2:4]
    assert "offset" not in following["previous"]
    odd = good(posthog.send("GET", path, params={"limit": "0", "offset": "-3"}, loose=True))
    assert [run["id"] for run in odd["results"]] == ids
    refused(posthog.get(posthog.runs("0199b3c4-0000-7000-8000-00000000a001")), 404, code="not_found")


def test_refusals_name_the_field_and_come_in_order(posthog: Posthog, stranger: Posthog) -> None:
    run = posthog.run()
    path = path_of(run)
    refused(posthog.patch(path, {"status": "done"}), 400, code="invalid_choice", attr="status")
    refused(posthog.patch(path, {"branch": " "}), 400, code="blank", attr="branch")
    refused(posthog.patch(path, {"stage": "x" * 101}), 400, code="max_length", attr="stage")
    refused(posthog.patch(path, {"state_remove_keys": []}), 400, code="empty", attr="state_remove_keys")
    refused(posthog.patch(path, content=b"{", headers={"content-type": "application/json"}), 400, code="parse_error")
    refused(
        posthog.patch(path, content=b"a=1", headers={"content-type": "text/plain"}), 415, code="unsupported_media_type"
    )
    refused(posthog.delete(path), 405, code="method_not_allowed")
    refused(posthog.as_key(None).get(path), 401, code="not_authenticated")
    refused(posthog.as_key("ry_" + "9" * 40).get(path), 401, code="authentication_failed")
    refused(posthog.with_scopes("task:read").patch(path, {}), 403, code="permission_denied")
    refused(posthog.with_scopes("runs:read").get(path), 403, code="permission_denied")
    refused(stranger.get(f"/api/projects/1/{path}"), 403, code="permission_denied")
    refused(stranger.get(path), 404, code="not_found")
    refused(posthog.get("tasks/x/runs/y"), 404, code="not_found")
    refused(posthog.patch(f"tasks/{run['task']}/runs/{run['task']}", {"status": "no"}), 404, code="not_found")
    assert good(posthog.get(f"/api/projects/@current/{path}/"))["id"] == run["id"]
    assert posthog.change(run, unknown=1)["status"] == "not_started"


def test_set_output_replaces_and_completes_where_the_task_says_what_it_looks_like(posthog: Posthog) -> None:
    run = posthog.run(output={"old": 1})
    assert good(posthog.patch(path_of(run, "set_output"), {"output": {"new": 2}}))["output"] == {"new": 2}
    assert good(posthog.patch(path_of(run, "set_output"), {}))["output"] == {}
    refused(posthog.patch(path_of(run, "set_output"), {"output": [1]}), 400)
    task = posthog.task(output_schema='{"type":"object","required":["answer"]}')
    run = posthog.run(task, status="in_progress")
    refused(posthog.patch(path_of(run, "set_output"), {"output": {}}), 400)
    done = good(posthog.patch(path_of(run, "set_output"), {"output": {"answer": 42}}))
    assert (done["status"], done["output"]) == ("completed", {"answer": 42})
