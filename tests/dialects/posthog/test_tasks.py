"""Tasks: made, listed, read, changed and put out of sight (contract §11)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from runyard.domain.coding import number_of
from runyard.engine.coding import named
from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.support.stand import ADMIN
from tests.support.verbs import Json

SCHEMA = {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "integer"}}}


def make(posthog: Posthog, **said: Any) -> Json:
    """A new task, as it was asked for."""
    task: Json = good(posthog.post("tasks", said), 201)
    return task


def listed(posthog: Posthog, **query: Any) -> list[str]:
    """The titles of the tasks on a page, and that their number is told."""
    page = good(posthog.get("tasks", **query))
    assert page["count"] == len(page["results"])
    return [task["title"] for task in page["results"]]


def test_a_new_task_says_everything_and_is_numbered_from_0(posthog: Posthog) -> None:
    said = {"title": "Fix it", "description": "It is broken", "repository": "Acme/Web", "json_schema": SCHEMA}
    first, second = make(posthog, **said, github_integration=7), make(posthog, title="Again")
    assert (first["task_number"], first["slug"], second["slug"]) == (0, "DEF-0", "DEF-1")
    assert (first["title"], first["title_manually_set"], first["latest_run"]) == ("Fix it", True, None)
    assert (first["repository"], first["github_integration"], first["json_schema"]) == ("acme/web", 7, SCHEMA)
    assert (first["origin_product"], first["internal"]) == ("user_created", False)
    assert good(posthog.get(f"tasks/{first['id']}")) == first
    assert good(posthog.get(f"tasks/{first['id']}/")) == first


def test_a_task_belongs_to_whoever_made_it(posthog: Posthog) -> None:
    me = good(posthog.get("/api/users/@me"))
    assert (me["first_name"], me["id"]) == ("test", number_of(me["distinct_id"]))
    assert make(posthog)["created_by"] == me
    assert good(posthog.with_scopes("runs:read").get("/api/users/@me/"))["id"] != me["id"]
    refused(posthog.as_key(None).get("/api/users/@me"), 401, code="not_authenticated")


@pytest.mark.parametrize(
    ("said", "title", "chosen"),
    [
        ({"description": "\n  First line \nsecond"}, "First line", False),
        ({"title": "  ", "description": "x" * 300}, "x" * 254 + "…", False),
        ({}, "Untitled task", False),
        ({"title": " Mine ", "title_manually_set": False}, "Mine", False),
    ],
)
def test_a_title_is_derived_where_it_is_blank(posthog: Posthog, said: Json, title: str, chosen: bool) -> None:
    task = make(posthog, **said)
    assert (task["title"], task["title_manually_set"]) == (title, chosen)


@pytest.mark.parametrize(
    ("said", "code", "attr"),
    [
        ({"title": "x" * 256}, "max_length", "title"),
        ({"title": None}, "null", "title"),
        ({"title_manually_set": "maybe"}, "invalid_input", "title_manually_set"),
        ({"description": []}, "invalid_input", "description"),
        ({"origin_product": "x" * 21}, "max_length", "origin_product"),
        ({"repository": "only-a-name"}, "invalid", "repository"),
        ({"repository": "a/b/c"}, "invalid", "repository"),
        ({"github_integration": "x"}, "invalid_input", "github_integration"),
        ({"json_schema": {"type": "nothing"}}, "invalid", "json_schema"),
        ({"json_schema": [1]}, "invalid", "json_schema"),
    ],
)
def test_what_a_task_cannot_say_is_refused_by_name(posthog: Posthog, said: Json, code: str, attr: str) -> None:
    refused(posthog.post("tasks", said), 400, code=code, attr=attr)
    refused(posthog.patch(f"tasks/{posthog.task()}", said), 400, code=code, attr=attr)


def test_a_task_is_changed_in_part(posthog: Posthog) -> None:
    task = make(posthog, title="Old", description="Its text", repository="a/b", json_schema=SCHEMA)
    after = good(posthog.patch(f"tasks/{task['id']}", {"title": "New"}))
    assert (after["title"], after["repository"], after["json_schema"]) == ("New", "a/b", SCHEMA)
    after = good(posthog.patch(f"tasks/{task['id']}", {"repository": None, "json_schema": None, "title": " "}))
    assert (after["title"], after["title_manually_set"]) == ("Its text", False)
    assert (after["repository"], after["json_schema"]) == (None, None)
    assert good(posthog.patch(f"tasks/{task['id']}", {}))["description"] == "Its text"


def test_a_list_is_newest_first_and_its_pages_keep_the_filters(posthog: Posthog) -> None:
    ids = [make(posthog, title=f"t{n}", origin_product="slack")["id"] for n in range(5)]
    make(posthog, title="other")
    seen = []
    query: dict[str, str] | None = {"origin_product": "slack", "limit": "2"}
    while query is not None:
        page = good(posthog.get("tasks", **query))
        assert page["count"] == 5
        seen += [task["id"] for task in page["results"]]
        assert urlsplit(page["next"] or page["previous"]).path == "/posthog/api/projects/1/tasks/"
        query = dict(parse_qsl(urlsplit(page["next"]).query)) if page["next"] else None
    assert seen == ids[::-1]


def test_lists_are_filtered(posthog: Posthog, stranger: Posthog) -> None:
    mine = make(posthog, title="Blue Whale", repository="Acme/Web", origin_product="slack")
    make(
        posthog.with_scopes("task:write", "task:read"), title="red", description="A WHALE again", repository="acmeo/web"
    )
    make(posthog, title="green", repository="acme/api_1")
    make(stranger, title="theirs")
    posthog.run(mine["id"], stage="plan", status="completed")
    posthog.run(mine["id"], stage="build", status="in_progress")
    assert listed(posthog) == ["green", "red", "Blue Whale"]
    assert listed(posthog, origin_product="slack") == ["Blue Whale"]
    assert listed(posthog, organization="ACME") == ["green", "Blue Whale"]
    assert listed(posthog, repository="acme/WEB") == ["Blue Whale"]
    assert listed(posthog, repository="web") == ["red", "Blue Whale"]
    assert listed(posthog, repository="api%1") == []
    assert listed(posthog, stage="plan") == listed(posthog, stage="build") == ["Blue Whale"]
    assert listed(posthog, status="in_progress") == ["Blue Whale"]
    assert listed(posthog, status="completed") == []
    assert listed(posthog, created_by=mine["created_by"]["id"]) == ["green", "Blue Whale"]
    assert listed(posthog, search="whale") == ["red", "Blue Whale"]
    assert listed(posthog, search="WHALE", organization="acme", status="in_progress", stage="plan") == ["Blue Whale"]
    assert listed(posthog, search="nothing") == []
    page = good(posthog.get("tasks", search="whale", limit=1, offset=1))
    assert (page["count"], [task["title"] for task in page["results"]]) == (2, ["Blue Whale"])


def test_filters_that_cannot_be_are_refused(posthog: Posthog) -> None:
    refused(posthog.send("GET", "tasks?status=running", loose=True), 400, code="invalid_choice", attr="status")
    refused(posthog.send("GET", "tasks?created_by=me", loose=True), 400, code="invalid_input", attr="created_by")
    assert good(posthog.send("GET", "tasks?status=&created_by=&search=&limit=x", loose=True))["count"] == 0


def test_a_deleted_task_is_out_of_sight_with_its_runs_and_what_was_under_way_is_canceled(posthog: Posthog) -> None:
    task = make(posthog)
    run, other = posthog.run(task["id"], status="in_progress"), posthog.run(task["id"], status="queued")
    good(posthog.delete(f"tasks/{task['id']}"), 204)
    for path in (f"tasks/{task['id']}", posthog.runs(task["id"]), path_of(run)):
        refused(posthog.get(path), 404, code="not_found")
    refused(posthog.delete(f"tasks/{task['id']}"), 404, code="not_found")
    refused(posthog.post(f"tasks/{task['id']}/run", {}), 404, code="not_found")
    assert listed(posthog) == []
    assert {good(posthog.stand.admin.get(f"/runs/{one['id']}"))["state"] for one in (run, other)} == {"canceled"}
    assert good(posthog.stand.admin.get(f"/tasks/{task['id']}"))["status"] == "canceled"


def test_a_task_that_had_ended_is_deleted_as_it_is(posthog: Posthog) -> None:
    task = make(posthog)
    posthog.run(task["id"], status="completed")
    good(posthog.delete(f"tasks/{task['id']}"), 204)
    assert good(posthog.stand.admin.get(f"/tasks/{task['id']}"))["status"] == "completed"


def test_tasks_of_others_are_read_and_renamed_but_no_more(posthog: Posthog) -> None:
    task = good(posthog.stand.admin.post("/tasks", {"title": "for sessions"}), 201)
    path = f"tasks/{task['id']}"
    seen = good(posthog.get(path))
    assert (seen["title"], seen["task_number"], seen["slug"], seen["created_by"]) == ("for sessions", None, "", None)
    assert good(posthog.patch(path, {"title": "named anew"}))["title"] == "named anew"
    refused(posthog.patch(path, {"repository": "a/b"}), 400)
    refused(posthog.delete(path), 400)
    run = good(posthog.post(f"{path}/run", {}))["latest_run"]
    assert run["status"] == "queued"
    assert good(posthog.get(path))["latest_run"]["id"] == run["id"]
    assert listed(posthog) == []


def test_keys_of_other_projects_and_scopes_do_not_reach_a_task(posthog: Posthog, stranger: Posthog) -> None:
    task = make(posthog)
    refused(stranger.get(f"tasks/{task['id']}"), 404, code="not_found")
    refused(stranger.delete(f"tasks/{task['id']}"), 404, code="not_found")
    refused(posthog.with_scopes("task:read").post("tasks", {}), 403, code="permission_denied")
    refused(posthog.get("tasks/not-a-uuid"), 404, code="not_found")
    assert good(posthog.as_key(ADMIN).get(f"tasks/{task['id']}"))["id"] == task["id"]


def test_an_agent_in_a_sandbox_sees_its_own_task_alone_and_asks_for_no_other_sandbox(posthog: Posthog) -> None:
    mine, other = posthog.run(), posthog.run()
    token = posthog.stand.server.sandbox_tokens.make(1, mine["task"], mine["id"], seconds=60)
    agent = posthog.as_key(token)
    good(agent.get(f"tasks/{mine['task']}"))
    for path in ("tasks", f"tasks/{other['task']}", path_of(other, "logs")):
        refused(agent.get(path), 403, code="permission_denied")
    for asking in ("start", "resume_in_cloud/"):
        refused(agent.post(path_of(mine, asking), {}), 403, code="permission_denied")
    assert agent.change(mine, status="in_progress")["status"] == "in_progress"
    for status in ("queued", "not_started"):
        refused(agent.patch(path_of(mine), {"status": status}), 403, code="permission_denied")
    for elsewhere in ("/runyard/v1/runs", "/strait/v1/runs", "/agh/api/tasks", "/bamboosnow/api/v1/runs"):
        reply = posthog.stand.http.get(elsewhere, headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code == 401, elsewhere
    run_token = posthog.stand.server.tokens.make(posthog.stand.store.look(named.see, 1, mine["id"]).run)
    refused(posthog.as_key(run_token).get(f"tasks/{mine['task']}"), 401, code="authentication_failed")
