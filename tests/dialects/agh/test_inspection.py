"""Looking closely at tasks and runs (contract §25)."""

from __future__ import annotations

import pytest

from tests.dialects.agh.client import Agh, good, refused
from tests.support.verbs import Json

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def look(agh: Agh, run: Json) -> Json:
    """The run as it is looked at."""
    found: Json = good(agh.get(f"/api/runs/{run['id']}/inspect"))["inspect"]
    return found


def test_a_task_is_looked_at(agh: Agh) -> None:
    run = agh.start()
    found = good(agh.get(f"/api/tasks/{run['task_id']}/inspect"))["inspect"]
    assert (found["target"], found["next_action"]) == ("task", "waiting_for_session")
    assert (found["task"]["id"], found["task"]["active_run"]["id"]) == (run["task_id"], run["id"])
    assert found["current_run"] == {
        "run_id": run["id"],
        "task_id": run["task_id"],
        "status": "queued",
        "attempt": 1,
        "queued_at": run["queued_at"],
    }
    assert found["recent_runs"] == [found["current_run"]]
    assert [event["type"] for event in found["recent_events"]] == ["task.run_enqueued", "task.created"]
    assert (found["recent_events"][0]["outcome"], found["recent_events"][0]["run_id"]) == ("queued", run["id"])
    assert found["scheduler"] == {"paused": False}
    assert not {"diagnostics", "bound_session"} & found.keys()


def test_the_scheduler_is_shown_paused(agh: Agh) -> None:
    run = agh.start()
    good(agh.post("/api/scheduler/pause", {"reason": "night"}))
    scheduler = look(agh, run)["scheduler"]
    assert (scheduler["paused"], scheduler["paused_by"], scheduler["reason"]) == (True, "human:local-user", "night")
    assert scheduler["paused_at"] == scheduler["updated_at"]


def test_a_stale_lease_is_told_of_with_what_shows_it(agh: Agh) -> None:
    run = agh.start()
    agent = agh.as_session(agent="coder")
    claim = agent.claim(lease_seconds=60)
    assert claim is not None
    agh.stand.clock.forward(seconds=150)
    found = look(agh, run)
    assert (found["target"], found["next_action"]) == ("run", "recovery_required")
    session = found["bound_session"]
    assert (session["session_id"], session["state"], session["agent_name"]) == (
        agent.headers["x-agh-session-id"],
        "active",
        "coder",
    )
    stuck, stale = found["diagnostics"]
    assert (stuck["code"], stuck["severity"]) == ("task_run_stuck", "warn")
    assert (stuck["evidence"]["heartbeat_age_seconds"], stuck["evidence"]["threshold_seconds"]) == (150, 120)
    assert (stale["id"], stale["severity"], stale["category"], stale["data_freshness"]) == (
        f"task.inspect.task_run_stale_lease.{run['id']}",
        "error",
        "task",
        "live",
    )
    assert stale["evidence"] == {
        "task_id": run["task_id"],
        "run_id": run["id"],
        "status": "claimed",
        "attempt": 1,
        "claim_token_hash_truncated": claim["lease"]["claim_token_hash"][7:15],
        "lease_until": claim["lease"]["lease_until"],
        "heartbeat_at": claim["lease"]["heartbeat_at"],
        "as_of": found["as_of"],
    }
    assert found["current_run"]["claim_token_hash_truncated"] == stale["evidence"]["claim_token_hash_truncated"]


def test_a_failure_is_told_in_short(agh: Agh) -> None:
    run = agh.start()
    for verb in ("claim", "start"):
        good(agh.post(f"/api/task-runs/{run['id']}/{verb}"))
    good(agh.post(f"/api/task-runs/{run['id']}/fail", {"error": "ü" * 100}))
    found = look(agh, run)
    assert found["current_run"]["failure_kind"] == "error"
    assert found["current_run"]["last_error_summary"] == "ü" * 80
    (crashed,) = found["diagnostics"]
    assert (crashed["code"], crashed["evidence"]["failure_kind"]) == ("task_run_crashed", "error")
    assert found["recent_events"][0]["summary"] == "ü" * 100
    again = good(agh.post(f"/api/runs/{run['id']}/retry"), 201)["run"]
    found = look(agh, again)
    assert (found["current_run"]["retries"], found["current_run"]["previous_run_id"]) == (1, run["id"])
    assert [one["attempt"] for one in found["recent_runs"]] == [2, 1]
    assert "diagnostics" not in look(agh, run)


def test_nobody_to_take_a_run_strands_it(agh: Agh) -> None:
    run = agh.start()
    agh.stand.clock.forward(seconds=300)
    found = look(agh, run)
    assert found["next_action"] == "stranded"
    (stranded,) = found["diagnostics"]
    assert (stranded["code"], stranded["severity"]) == ("task_run_stranded", "warn")
    assert (stranded["evidence"]["eligible_session_count"], stranded["evidence"]["scheduler_paused"]) == (0, False)
    agh.session()
    assert look(agh, run)["next_action"] == "claim_available"


def test_strangers_and_odd_ids_find_nothing(agh: Agh, stranger: Agh) -> None:
    run = agh.start()
    for path in (f"/api/runs/{run['id']}/inspect", f"/api/tasks/{run['task_id']}/inspect"):
        refused(stranger.get(path), 404)
        good(agh.with_scopes("task:read").get(path))
        refused(agh.with_scopes("runs:read").get(path), 403)
    for odd in ("run-0", "%00", "x"):
        refused(agh.get(f"/api/runs/{odd}/inspect"), 404)
        refused(agh.get(f"/api/tasks/{odd}/inspect"), 404)
