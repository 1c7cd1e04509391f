"""Triage and the inbox over the wire (contract §19)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.dialects.agh.routes import triage as routes
from tests.dialects.agh.client import Agh, good, ids, refused
from tests.support.verbs import Json

LANES = ["my_work", "approvals", "failed_runs", "blocked", "archived"]
ME = {"kind": "human", "ref": "local-user"}
sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def inbox(agh: Agh, **asked: Any) -> Json:
    """What waits for whoever asks."""
    found: Json = good(agh.get("/api/observe/tasks/inbox", **asked))["inbox"]
    return found


def lanes(found: Json) -> dict[str, Any]:
    """The groups by lane."""
    return {group["lane"]: group for group in found["groups"]}


def titles(found: Json, lane: str) -> list[str]:
    """What is shown in a lane, in its order."""
    return [item["task"]["title"] for item in lanes(found)[lane].get("items", [])]


def look(agh: Agh, task: Json, verb: str) -> Json:
    """Triage a task."""
    found: Json = good(agh.post(f"/api/tasks/{task['id']}/triage/{verb}"))["triage"]
    return found


def task_of(agh: Agh, title: str, **said: Any) -> Json:
    """A task, a moment after the last one."""
    agh.stand.clock.forward(seconds=1)
    return agh.task(title, **said)


def failed(agh: Agh, task: Json) -> None:
    """Let a run of the task fail."""
    run = agh.start(task)
    good(agh.post(f"/api/task-runs/{run['id']}/claim"))
    good(agh.post(f"/api/task-runs/{run['id']}/start"))
    good(agh.post(f"/api/task-runs/{run['id']}/fail", {"error": "it broke"}))


def test_every_task_stands_in_its_lane(agh: Agh) -> None:
    mine = agh.task("mine", owner=ME)
    agh.task("theirs", owner={"kind": "human", "ref": "ann"})
    agh.task("nobody's")
    agh.task("decide", approval_policy="manual", owner=ME)
    rejected = agh.task("rejected", approval_policy="manual")
    good(agh.post(f"/api/tasks/{rejected['id']}/reject"))
    broken = agh.task("broken", max_attempts=2)
    failed(agh, broken)
    waiting = task_of(agh, "waiting")
    good(agh.post(f"/api/tasks/{waiting['id']}/dependencies", {"depends_on_task_id": mine["id"]}))
    found = inbox(agh)
    assert [group["lane"] for group in found["groups"]] == LANES
    assert {lane: titles(found, lane) for lane in LANES} == {
        "my_work": ["mine"],
        "approvals": ["decide"],
        "failed_runs": ["broken"],
        "blocked": ["waiting", "rejected"],
        "archived": [],
    }
    assert (found["total"], found["unread_total"], found["archived_total"]) == (5, 5, 0)
    reasons = {
        item["task"]["title"]: item.get("blocking_reason")
        for group in found["groups"]
        for item in group.get("items", [])
    }
    assert reasons == {
        "mine": None,
        "decide": "awaiting_approval",
        "rejected": "approval_rejected",
        "broken": "latest_run_failed",
        "waiting": "awaiting_dependencies",
    }


def test_an_item_says_what_there_is_to_know(agh: Agh) -> None:
    task = agh.task("decide", approval_policy="manual", identifier="T-1", priority="urgent")
    (item,) = lanes(inbox(agh))["approvals"]["items"]
    seen = agh.see(task)
    assert item == {
        "task": {
            "id": task["id"],
            "identifier": "T-1",
            "title": "decide",
            "scope": "global",
            "status": "blocked",
            "priority": "urgent",
            "latest_event_seq": seen["task"]["latest_event_seq"],
        },
        "lane": "approvals",
        "approval_policy": "manual",
        "approval_state": "pending",
        "blocking_reason": "awaiting_approval",
        "latest_activity_at": seen["summary"]["last_activity_at"],
        "triage": {
            "task_id": task["id"],
            "actor": ME,
            "read": False,
            "archived": False,
            "dismissed": False,
            "updated_at": "0001-01-01T00:00:00Z",
        },
    }


def test_the_latest_run_is_shown_without_its_lease(agh: Agh) -> None:
    coder = agh.as_session()
    run = agh.start(agh.task("claimed"))
    assert coder.claim() is not None
    (item,) = lanes(inbox(coder))["my_work"]["items"]
    assert (item["run"]["id"], item["run"]["status"], item["run"]["attempt"]) == (run["id"], "claimed", 1)
    assert not {"lease_until", "heartbeat_at", "claim_token_hash"} & item["run"].keys()
    assert item["triage"]["actor"]["kind"] == "agent_session"
    assert lanes(inbox(agh))["my_work"]["count"] == 0, "another's claim"


def test_what_was_read_is_put_last_until_something_happens(agh: Agh) -> None:
    tasks = [task_of(agh, title, approval_policy="manual") for title in ("first", "second", "third")]
    state = look(agh, tasks[2], "read")
    assert state["last_seen_activity_at"] == agh.see(tasks[2])["summary"]["last_activity_at"]
    assert (state["read"], state["archived"], state["dismissed"], state["actor"]) == (True, False, False, ME)
    found = inbox(agh)
    assert titles(found, "approvals") == ["second", "first", "third"]
    assert (lanes(found)["approvals"]["count"], lanes(found)["approvals"]["unread_count"]) == (3, 2)
    unread = inbox(agh, unread="true")
    assert titles(unread, "approvals") == ["second", "first"]
    assert (unread["total"], unread["unread_total"]) == (2, 2)
    agh.stand.clock.forward(seconds=1)
    good(agh.patch(f"/api/tasks/{tasks[2]['id']}", {"priority": "high"}))
    assert titles(inbox(agh), "approvals") == ["third", "second", "first"]


def test_what_is_dismissed_comes_back_and_what_is_archived_does_not(agh: Agh) -> None:
    gone, kept = (task_of(agh, title, approval_policy="manual") for title in ("dismissed", "archived"))
    assert look(agh, gone, "dismiss")["dismissed"]
    assert look(agh, kept, "archive")["archived"]
    found = inbox(agh)
    assert [(group["lane"], group["count"]) for group in found["groups"] if group["count"]] == [("archived", 1)]
    assert (found["total"], found["unread_total"], found["archived_total"]) == (1, 0, 1)
    agh.stand.clock.forward(seconds=1)
    for task in (gone, kept):
        good(agh.post(f"/api/tasks/{task['id']}/reject"))
    found = inbox(agh)
    assert (titles(found, "blocked"), titles(found, "archived")) == (["dismissed"], ["archived"])
    (item,) = lanes(found)["blocked"]["items"]
    assert (item["triage"]["read"], item["triage"]["dismissed"]) == (False, False)
    state = look(agh, kept, "read")
    assert (state["archived"], state["read"]) == (True, True), "nothing un-archives"
    assert look(agh, kept, "dismiss")["archived"], "dismissing leaves the archive alone"
    assert inbox(agh, unread="true")["total"] == 1
    other = agh.as_session()
    assert lanes(inbox(other))["blocked"]["unread_count"] == 2, "each has an inbox of their own"


def test_triage_is_no_activity(agh: Agh) -> None:
    task = agh.task(approval_policy="manual")
    before = agh.see(task)
    for verb in ("read", "dismiss", "archive"):
        look(agh, task, verb)
    assert agh.see(task) == before


def test_filters_and_limits(agh: Agh) -> None:
    tasks = [
        task_of(agh, f"Straße {number}", approval_policy="manual", identifier=f"T-{number}") for number in range(3)
    ]
    owned = task_of(agh, "owned", approval_policy="manual", owner={"kind": "pool", "ref": "coder"})
    look(agh, tasks[2], "read")
    group = lanes(inbox(agh, limit="1"))["approvals"]
    assert (group["count"], group["unread_count"], ids([item["task"] for item in group["items"]])) == (
        4,
        3,
        [owned["id"]],
    )
    for asked, expected in (
        ({"query": "STRASSE"}, 3),
        ({"query": "t-1"}, 1),
        ({"owner_kind": "pool"}, 1),
        ({"owner_kind": "pool", "owner_ref": "coder"}, 1),
        ({"owner_ref": "nobody"}, 0),
        ({"scope": "global"}, 4),
        ({"lane": "approvals"}, 4),
        ({"lane": "blocked"}, 0),
    ):
        assert inbox(agh, **asked)["total"] == expected, asked
    loosely = agh.send("GET", "/api/observe/tasks/inbox", params={"lane": " Approvals "}, loose=True)
    assert [group["lane"] for group in good(loosely)["inbox"]["groups"]] == ["approvals"]


def test_an_inbox_of_any_length_is_sent_in_pieces(agh: Agh, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [task_of(agh, str(number), approval_policy="manual") for number in range(7)]
    agh.task("mine", owner=ME)
    for task in tasks[3:5]:
        look(agh, task, "read")
    for task in tasks[:2]:
        look(agh, task, "archive")
    whole = inbox(agh)
    monkeypatch.setattr(routes, "SLICE", 1)
    assert inbox(agh) == whole
    assert inbox(agh, limit="0") == whole
    assert titles(inbox(agh, limit="4"), "approvals") == titles(whole, "approvals")[:4] == ["6", "5", "2", "4"]
    assert titles(inbox(agh, limit="2"), "archived") == ["1", "0"]


@sqlite
def test_what_is_asked_wrongly_is_told(agh: Agh, stranger: Agh) -> None:
    for asked, word in (
        ({"lane": "open"}, "lane"),
        ({"scope": "all"}, "scope"),
        ({"scope": "workspace"}, "workspace"),
        ({"scope": "global", "workspace": "here"}, "workspace"),
        ({"owner_kind": "robot"}, "owner_kind"),
        ({"unread": "maybe"}, "unread"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "many"}, "limit"),
    ):
        refused(agh.get("/api/observe/tasks/inbox", **asked), 400, word)
    refused(agh.get("/api/observe/tasks/inbox", workspace="nowhere"), 404)
    task = agh.task(approval_policy="manual")
    for verb in ("read", "archive", "dismiss"):
        refused(agh.post(f"/api/tasks/task-{'0' * 32}/triage/{verb}"), 404)
        refused(stranger.post(f"/api/tasks/{task['id']}/triage/{verb}"), 404)
        refused(agh.with_scopes("task:read").post(f"/api/tasks/{task['id']}/triage/{verb}"), 403)
    refused(agh.with_scopes("runs:read").get("/api/observe/tasks/inbox"), 403)
    assert inbox(stranger)["total"] == 0
    assert lanes(inbox(agh))["approvals"]["unread_count"] == 1
    refused(agh.saying(x_agh_agent="coder").get("/api/observe/tasks/inbox"), 401, code="identity_required")
