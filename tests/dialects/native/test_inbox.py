"""Inboxes and the state of all tasks over the native API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.native.task_recipes import task
from tests.support.api import Api, good, refused
from tests.support.stand import Stand
from tests.support.verbs import Json


def lane_of(found: Json, lane: str) -> Json:
    """One lane of an inbox."""
    group: Json = next(one for one in found["lanes"] if one["lane"] == lane)
    return group


def titles(group: Json) -> list[str]:
    """What is shown in a lane."""
    return [item["task"]["title"] for item in group["items"]]


def pages(api: Api, **asked: Any) -> list[list[str]]:
    """The titles of a lane, page by page."""
    found: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        (group,) = good(api.get("/inbox", **asked, **cursor))["lanes"]
        found.append(titles(group))
        if group["next_cursor"] is None:
            return found
        cursor = {"cursor": group["next_cursor"]}


def test_what_waits_is_shown_read_archived_and_paged(stand: Stand, api: Api) -> None:
    made = []
    for number in range(6):
        stand.clock.forward(seconds=1)
        made.append(task(api, title=str(number), approval_policy="manual"))
    me = made[0]["created_by"]
    task(api, title="mine", owner=me)
    for one, verb in ((made[5], "read"), (made[4], "dismiss"), (made[3], "archive"), (made[1], "read")):
        done = good(api.post(f"/tasks/{one['id']}/triage", {"verb": verb}))
        assert (done["task_id"], done["read"], done["archived"]) == (one["id"], True, verb == "archive")
    found = good(api.get("/inbox"))
    assert (found["total"], found["unread"], found["archived"]) == (6, 3, 1)
    approvals = lane_of(found, "approvals")
    assert (titles(approvals), approvals["count"], approvals["unread"]) == (["2", "0", "5", "1"], 4, 2)
    assert [item["reason"] for item in approvals["items"]] == ["awaiting_approval"] * 4
    assert [item["triage"] is not None for item in approvals["items"]] == [False, False, True, True]
    assert (titles(lane_of(found, "my_work")), titles(lane_of(found, "archived"))) == (["mine"], ["3"])
    assert pages(api, lane="approvals", limit=1) == [["2"], ["0"], ["5"], ["1"]]
    assert pages(api, lane="approvals", limit=3, unread=True) == [["2", "0"]]
    assert pages(api, lane="approvals", query="5") == [["5"]]
    later = lane_of(good(api.get("/inbox", limit=1)), "approvals")["next_cursor"]
    (rest,) = good(api.get("/inbox", cursor=later))["lanes"]
    assert (rest["lane"], titles(rest), rest["count"]) == ("approvals", ["0", "5", "1"], 4)
    refused(api.get("/inbox", cursor=later, lane="blocked"), 400)


def test_how_all_tasks_stand(stand: Stand, api: Api) -> None:
    one = task(api, title="queued", channel="red")
    run = good(api.post(f"/tasks/{one['id']}/runs"), 201)
    task(api, title="blocked", approval_policy="manual")
    found = good(api.get("/tasks/stats"))
    assert {status: count for status, count in found["tasks"].items() if count} == {"ready": 1, "blocked": 1}
    assert (found["awaiting_approval"], found["runs"]["queued"], found["healthy"]) == (1, 1, True)
    assert [(depth["channel"], depth["queued"]) for depth in found["queue"]] == [("red", 1)]
    assert [active["run"]["id"] for active in found["active"]] == [run["run"]["id"]]
    assert good(api.get("/tasks/stats", channel="blue"))["active"] == []
    stand.clock.forward(minutes=10)
    late = good(api.get("/tasks/stats"))
    assert (late["backlog"], late["healthy"], late["stale"]) == (True, False, True)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_is_asked_wrongly_is_told(api: Api) -> None:
    for path in ("/inbox", "/tasks/stats"):
        refused(api.get(path, workspace="here", no_workspace=True), 400)
        refused(api.get(path, workspace="nowhere"), 404)
        refused(api.get(path, owner_kind="robot"), 400)
    for cursor in ("nonsense", "WyJteV93b3JrIiwidW5yZWFkIiwtOTIyMzM3MjAzNjg1NDc3NTgwOCwwLCIiLC0xXQ"):
        assert api.get("/inbox", cursor=cursor).status_code in {200, 400}
    one = task(api)
    refused(api.post(f"/tasks/{one['id']}/triage", {"verb": "burn"}), 400)
    refused(api.post("/tasks/nothing/triage", {"verb": "read"}), 404)
