"""The dashboard over the wire (contract §20)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.engine import workspaces
from runyard.engine.workspaces import NewWorkspace
from tests.dialects.agh.client import Agh, good, refused
from tests.support.verbs import Json

NEVER = "0001-01-01T00:00:00Z"


def dashboard(agh: Agh, **asked: Any) -> Json:
    """How the tasks stand."""
    found: Json = good(agh.get("/api/observe/tasks/dashboard", **asked))["dashboard"]
    return found


def test_an_empty_project_is_well(agh: Agh) -> None:
    found = dashboard(agh)
    assert set(found["totals"].values()) == {0}
    assert "status_breakdown" not in found
    assert found["health"] == {"status": "ok", "stuck_runs": 0, "active_orphan_runs": 0, "queue_backlog": False}
    assert found["queue"] == {
        "total": 0,
        "oldest_queued_at": NEVER,
        "oldest_queue_age_ms": 0,
        "backlog_warning": False,
        "backlog_status": "ok",
        "backlog_threshold_ms": 600_000,
    }
    assert found["active_runs"] == {"total": 0, "running": 0, "starting": 0, "claimed": 0, "queued": 0}
    fresh = found["freshness"]
    assert (fresh.pop("observed_at") > NEVER, fresh) == (
        True,
        {
            "latest_activity_at": NEVER,
            "age_ms": 0,
            "stale_after_ms": 120_000,
            "has_live_work": False,
            "status": "empty",
            "stale": False,
        },
    )


def test_totals_cards_and_shares(agh: Agh) -> None:
    agh.task("draft", draft=True)
    agh.task("decide", approval_policy="manual")
    ready = agh.task("ready")
    waiting = agh.task("waiting", approval_policy="manual")
    good(agh.post(f"/api/tasks/{waiting['id']}/dependencies", {"depends_on_task_id": ready["id"]}))
    broken = agh.start(agh.task("broken", max_attempts=1))
    agh.stand.clock.forward(seconds=3)
    good(agh.post(f"/api/task-runs/{broken['id']}/claim"))
    agh.stand.clock.forward(seconds=2)
    good(agh.post(f"/api/task-runs/{broken['id']}/start"))
    good(agh.post(f"/api/task-runs/{broken['id']}/fail", {"error": "it broke"}))
    found = dashboard(agh)
    totals = {name: count for name, count in found["totals"].items() if count}
    assert totals == {
        "tasks_total": 5,
        "draft_tasks": 1,
        "ready_tasks": 1,
        "blocked_tasks": 2,
        "failed_tasks": 1,
        "awaiting_approval_tasks": 2,
        "dependency_blocked_tasks": 1,
        "runs_total": 1,
        "failed_runs": 1,
    }
    assert found["cards"]["blocked"] == {
        "tasks": 2,
        "awaiting_approval": 2,
        "awaiting_dependencies": 1,
        "health_status": "warn",
    }
    assert found["cards"]["failed"] == {"tasks": 1, "failed_runs": 1, "forced_stops": 0, "health_status": "warn"}
    assert found["cards"]["in_progress"]["health_status"] == "ok"
    assert found["cards"]["latency"] == {
        "claim_latency_ms": {"samples": 1, "average_ms": 3000, "maximum_ms": 3000},
        "start_latency_ms": {"samples": 1, "average_ms": 2000, "maximum_ms": 2000},
    }
    shares = [(share["status"], share["count"], share["share_percent"]) for share in found["status_breakdown"]]
    assert shares == [("ready", 1, 20), ("blocked", 2, 40), ("failed", 1, 20), ("draft", 1, 20)]


def test_what_is_under_way_and_what_is_queued(agh: Agh) -> None:
    tasks = [agh.task(str(number)) for number in range(6)]
    runs = []
    for number, task in enumerate(tasks):
        agh.stand.clock.forward(seconds=60)
        runs.append(agh.start(task, **({"network_channel": "red"} if number % 2 else {})))
    good(agh.post(f"/api/task-runs/{runs[0]['id']}/claim"))
    good(agh.post(f"/api/task-runs/{runs[1]['id']}/claim"))
    good(agh.post(f"/api/task-runs/{runs[1]['id']}/start"))
    agh.stand.clock.forward(seconds=300)
    found = dashboard(agh)
    active = found["active_runs"]
    assert {name: active[name] for name in ("total", "running", "claimed", "queued")} == {
        "total": 6,
        "running": 1,
        "claimed": 1,
        "queued": 4,
    }
    shown = [(item["run_id"], item["run_status"], item["stuck"], item["age_ms"]) for item in active["items"]]
    assert shown == [
        (runs[1]["id"], "running", False, 300_000),
        (runs[0]["id"], "claimed", True, 300_000),
        (runs[5]["id"], "queued", False, 300_000),
        (runs[4]["id"], "queued", False, 360_000),
    ]
    assert [item["health_status"] for item in active["items"]] == ["ok", "warn", "ok", "ok"]
    queue = found["queue"]
    depth = [(one.get("network_channel"), one["count"], one["oldest_queue_age_ms"]) for one in queue["depth"]]
    assert depth == [(None, 2, 480_000), ("red", 2, 420_000)]
    assert (queue["total"], queue["oldest_queue_age_ms"], queue["backlog_warning"]) == (4, 480_000, False)
    assert found["health"] == {"status": "warn", "stuck_runs": 1, "active_orphan_runs": 0, "queue_backlog": False}
    fresh = found["freshness"]
    assert (fresh["status"], fresh["stale"], fresh["has_live_work"], fresh["age_ms"]) == ("stale", True, True, 300_000)
    agh.stand.clock.forward(seconds=120)
    late = dashboard(agh)
    assert (late["queue"]["backlog_status"], late["health"]["queue_backlog"]) == ("warn", True)


def test_filters_go_together(agh: Agh) -> None:
    place = agh.stand.store.transact(workspaces.create, 1, NewWorkspace(root_dir="/work/place"))
    here = {"scope": "workspace", "workspace": "place"}
    agh.task("nowhere", owner={"kind": "human", "ref": "ann"})
    agh.start(agh.task("here", **here, network_channel="red", owner={"kind": "pool", "ref": "coder"}))
    agh.start(agh.task("here too", **here, network_channel="red"), network_channel="blue")
    counts: list[tuple[dict[str, str], int, int]] = [
        ({}, 3, 2),
        (here, 2, 2),
        ({"scope": "workspace", "workspace": f"ws-{place.id.replace('-', '')}"}, 2, 2),
        ({"scope": "global"}, 1, 0),
        ({"owner_kind": "pool"}, 1, 1),
        ({"owner_kind": "human", "owner_ref": "ann"}, 1, 0),
        ({"owner_ref": "coder", **here}, 1, 1),
        ({"network_channel": "red"}, 2, 1),
        ({"network_channel": "red", **here, "origin_kind": "http"}, 2, 1),
        ({"origin_kind": "cli"}, 0, 0),
    ]
    for asked, tasks, runs in counts:
        totals = dashboard(agh, **asked)["totals"]
        assert (totals["tasks_total"], totals["runs_total"]) == (tasks, runs), asked


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_is_asked_wrongly_is_told(agh: Agh, stranger: Agh) -> None:
    agh.start()
    for asked, word in (
        ({"scope": "all"}, "scope"),
        ({"scope": "workspace"}, "workspace"),
        ({"workspace": "here"}, "scope=workspace"),
        ({"scope": "global", "workspace": "here"}, "workspace"),
        ({"owner_kind": "robot"}, "owner_kind"),
        ({"origin_kind": "mail"}, "origin_kind"),
    ):
        refused(agh.get("/api/observe/tasks/dashboard", **asked), 400, word)
    refused(agh.get("/api/observe/tasks/dashboard", scope="workspace", workspace="nowhere"), 404)
    refused(agh.with_scopes("runs:read").get("/api/observe/tasks/dashboard"), 403)
    assert dashboard(stranger)["totals"]["runs_total"] == 0
