"""Tasks themselves over the native API."""

from __future__ import annotations

import pytest

from tests.dialects.native.task_recipes import task
from tests.support.api import Api, good, ids, refused
from tests.support.stand import Stand


def test_a_task_is_made_changed_and_deleted(api: Api) -> None:
    made = task(api, id="release", metadata={"a": 1}, channel="talk", auto_enqueue=True)
    assert (made["id"], made["status"], made["priority"]) == ("1~release", "ready", 4)
    assert made["created_by"]["kind"] == "human"
    path = f"/tasks/{made['id']}"
    assert good(api.get(path)) == made
    after = good(api.patch(path, {"priority": 10, "metadata": None, "channel": None, "description": "all"}))
    assert (after["priority"], after["metadata"], after["channel"], after["description"]) == (10, None, None, "all")
    refused(api.post("/tasks", {"title": "again", "id": "release"}), 409)
    good(api.delete(path), 204)
    refused(api.get(path), 404)


def test_a_repeated_request_makes_one_task(api: Api) -> None:
    first, again = (api.post("/tasks", {"title": "once"}, headers={"idempotency-key": "k"}) for _ in range(2))
    assert good(first, 201) == good(again, 201)
    assert len(api.listed("/tasks")) == 1


def test_pages_of_tasks_go_from_the_latest_activity_on(stand: Stand, api: Api) -> None:
    made = []
    for number in range(5):
        stand.clock.forward(seconds=1)
        made.append(task(api, title=f"task {number}", priority=2 * number))
    draft = task(api, draft=True)
    assert [len(page) for page in api.pages("/tasks", limit=2)] == [2, 2, 1]
    assert ids(api.listed("/tasks", limit=2)) == [one["id"] for one in reversed(made)]
    assert ids(api.listed("/tasks", least_priority=6)) == [made[4]["id"], made[3]["id"]]
    assert ids(api.listed("/tasks", query="TASK 3")) == [made[3]["id"]]
    assert ids(api.listed("/tasks", status="draft")) == [draft["id"]]
    refused(api.get("/tasks", workspace="nowhere"), 404)


def test_a_tree_shows_who_holds_it_up(api: Api) -> None:
    root = task(api)
    child = task(api, parent_id=root["id"])
    deep = task(api, parent_id=child["id"])
    good(api.post(f"/tasks/{root['id']}/pause", {"reason": "wait"}))
    run = good(api.post(f"/tasks/{child['id']}/runs"), 201)["run"]
    tree = good(api.get(f"/tasks/{root['id']}/tree"))
    assert tree["root"]["task"]["held_up_by"] == root["id"]
    shown = [(node["depth"], node["task"]["id"], node["task"]["held_up_by"]) for node in tree["below"]]
    assert shown == [(1, child["id"], root["id"]), (2, deep["id"], root["id"])]
    assert tree["below"][0]["open_run"]["id"] == run["id"]
    assert ids(good(api.get(f"/tasks/{child['id']}/runs"))["data"]) == [run["id"]]
    refused(api.post(f"/runs/{run['id']}/replay"), 409)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_a_task_may_not_say(api: Api) -> None:
    one = task(api)
    for body in (
        {},
        {"title": ""},
        {"title": "  "},
        {"title": "t", "priority": 11},
        {"title": "t", "max_attempts": 0},
        {"title": "t", "owner": {"kind": "daemon", "ref": "x"}},
        {"title": "t", "channel": "No"},
        {"title": "t", "id": "a b"},
    ):
        assert api.post("/tasks", body).status_code in {400, 422}, body
    refused(api.post("/tasks", {"title": "t", "parent_id": "nothing"}), 404)
    refused(api.post("/tasks", {"title": "t", "workspace": "nowhere"}), 404)
    assert api.patch(f"/tasks/{one['id']}", {}).status_code in {400, 422}
    assert good(api.get(f"/tasks/{one['id']}")) == one
