"""Tasks themselves over HTTP: made, read, changed, listed, shown as trees, deleted (contract §1, §6, §15, §16, §23)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.dialects.agh.mapping.values import shown
from runyard.engine import workspaces
from runyard.engine.workspaces import NewWorkspace
from tests.dialects.agh.client import Agh, good, ids, refused
from tests.support.verbs import Json
from tests.support.yard import Yard

BLANK = "0" * 32


def workspace(agh: Agh, root_dir: str = "/srv/one", name: str = "one") -> str:
    """A workspace by the engine's own operation; its id on the wire."""
    made = agh.stand.store.transact(workspaces.create, agh.project, NewWorkspace(root_dir=root_dir, name=name))
    return shown("ws", made.id)


def make(agh: Agh, **said: object) -> Json:
    task: Json = good(agh.post("/api/tasks", {"scope": "global", "title": "a task", **said}), 201)["task"]
    return task


def listed(agh: Agh, **asked: object) -> list[Json]:
    found: list[Json] = good(agh.get("/api/tasks", **asked))["tasks"]
    return found


def loosely(agh: Agh, path: str, **asked: object) -> Any:
    """The answer to what the contract's document does not foresee."""
    return agh.send("GET", path, params=asked, loose=True)


def test_a_new_task_says_what_was_said_and_nothing_that_is_empty(agh: Agh) -> None:
    task = make(agh, title="  Ship it ", metadata={"a": [1]}, identifier=" REL-1 ", description="all of it")
    seq = task.pop("latest_event_seq")
    assert seq > 0
    times = {task.pop("created_at"), task.pop("updated_at")}
    assert len(times) == 1
    assert task == {
        "id": task["id"],
        "scope": "global",
        "status": "ready",
        "title": "Ship it",
        "description": "all of it",
        "identifier": "REL-1",
        "priority": "medium",
        "max_attempts": 3,
        "approval_policy": "none",
        "approval_state": "not_required",
        "metadata": {"a": [1]},
        "created_by": {"kind": "human", "ref": "local-user"},
        "origin": {"kind": "http", "ref": "tasks.create"},
    }
    (event,) = agh.see(task)["events"]
    assert (event["event_type"], event["payload"]) == ("task.created", {"scope": "global", "status": "ready"})


@pytest.mark.parametrize(
    ("said", "status", "more"),
    [
        ({"draft": True}, "draft", {"draft": True}),
        ({"approval_policy": " MANUAL "}, "blocked", {"approval_state": "pending"}),
        ({"priority": "Urgent", "max_attempts": 10, "auto_enqueue_on_ready": True}, "ready", {"priority": "urgent"}),
    ],
)
def test_a_new_task_is_a_draft_blocked_or_ready(agh: Agh, said: Json, status: str, more: Json) -> None:
    task = good(agh.post("/api/tasks", {"scope": "global", "title": "t", **said}, loose=True), 201)["task"]
    assert task["status"] == status
    assert task.items() >= more.items()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_a_task_may_not_be_made_of(agh: Agh) -> None:
    for body, words in (
        ({"title": "t"}, "scope"),
        ({"scope": "global"}, "title"),
        ({"scope": "global", "title": "  "}, "title"),
        ({"scope": "planet", "title": "t"}, "scope"),
        ({"scope": "workspace", "title": "t"}, "workspace"),
        ({"scope": "global", "title": "t", "workspace": "w"}, "workspace"),
        ({"scope": "global", "title": "t", "priority": "huge"}, "priority"),
        ({"scope": "global", "title": "t", "max_attempts": 0}, "max_attempts"),
        ({"scope": "global", "title": "t", "max_attempts": 11}, "max_attempts"),
        ({"scope": "global", "title": "t", "approval_policy": "perhaps"}, "approval_policy"),
        ({"scope": "global", "title": "t", "network_channel": "No Such"}, "channel"),
        ({"scope": "global", "title": "t", "owner": {"kind": "daemon", "ref": "x"}}, "owner"),
        ({"scope": "global", "title": "t", "owner": {"kind": "human", "ref": " "}}, "owner"),
        ({"scope": "global", "title": "t", "owner": {"kind": "human", "ref": "x" * 257}}, "owner"),
        ({"scope": "global", "title": "t", "id": "no spaces"}, "id"),
        ({"scope": "global", "title": "t", "id": "x" * 129}, "id"),
        ({"scope": "global", "title": "t\0"}, "U+0000"),
        ({"scope": "global", "title": 7}, "title"),
        ([], "object"),
    ):
        refused(agh.post("/api/tasks", body, loose=True), 400, words)
    refused(agh.post("/api/tasks"), 400)
    refused(agh.post("/api/tasks", content=b'{"scope": "glo', headers={"content-type": "application/json"}), 400)
    refused(agh.post("/api/tasks", {"scope": "workspace", "title": "t", "workspace": "gone"}), 404, "gone")
    refused(agh.post("/api/tasks", {"scope": "global", "title": "t", "metadata": {"a": "x" * 17_000}}), 413)
    assert listed(agh, include_drafts=True) == []


def test_an_id_may_be_chosen_once(agh: Agh, stranger: Agh) -> None:
    for chosen in ("release-7", "task-1234567890abcdef", "task-" + "0123456789abcdef" * 2):
        task = make(agh, id=f" {chosen} ")
        assert task["id"] == chosen
        assert agh.see(chosen)["task"]["title"] == "a task"
        refused(agh.post("/api/tasks", {"scope": "global", "title": "again", "id": chosen}), 409, "already")
        refused(stranger.get(f"/api/tasks/{chosen}"), 404)
    assert make(stranger, id="release-7")["id"] == "release-7"


def test_tasks_of_a_workspace(agh: Agh) -> None:
    ws = workspace(agh)
    for named in (ws, "one", "/srv/one"):
        task = good(agh.post("/api/tasks", {"scope": "workspace", "title": "t", "workspace": named}), 201)["task"]
        assert (task["scope"], task["workspace_id"]) == ("workspace", ws)
    other = workspace(agh, "/srv/two", "two")
    body = {"scope": "workspace", "title": "t", "workspace": other, "network_channel": "build"}
    good(agh.post("/api/tasks", body), 201)
    refused(agh.post("/api/tasks", {**body, "workspace": ws}), 400, "channel")
    assert len(listed(agh, scope="workspace", workspace="one")) == 3
    assert len(listed(agh, workspace=other)) == 1
    assert listed(agh, scope="global") == []
    refused(agh.get("/api/tasks", scope="workspace"), 400, "workspace")
    refused(agh.get("/api/tasks", scope="global", workspace=ws), 400, "workspace")
    refused(agh.get("/api/tasks", workspace="nowhere"), 404)


def test_a_session_makes_tasks_of_its_own_workspace(agh: Agh) -> None:
    mine, other = workspace(agh), workspace(agh, "/srv/two", "two")
    agent = agh.as_session(workspace_id=agh.stand.store.look(workspaces.resolve, 1, mine))
    task = good(agent.post("/api/tasks", {"scope": "workspace", "title": "t", "workspace": mine}), 201)["task"]
    assert task["created_by"] == {"kind": "agent_session", "ref": agent.headers["x-agh-session-id"]}
    body = {"scope": "workspace", "title": "t", "workspace": other}
    refused(agent.post("/api/tasks", body), 403, "workspace", code="identity_unauthorized")
    refused(agh.saying(x_agh_agent="coder").get("/api/tasks"), 401, code="identity_required")


def test_owners_that_are_sessions_are_shown_as_they_were_named(agh: Agh) -> None:
    session = agh.session()
    for ref in (shown("sess", session.id), "sess-of-somebody"):
        owner = {"kind": "agent_session", "ref": ref}
        task = make(agh, owner=owner)
        assert task["owner"] == owner
        assert ids(listed(agh, owner_kind="agent_session", owner_ref=ref)) == [task["id"]]
    run = agh.start(make(agh, owner={"kind": "agent_session", "ref": shown("sess", session.id)}))
    assert agh.as_session().claim() is None
    claim = agh.as_session(session).claim()
    assert claim is not None
    assert claim["run"]["id"] == run["id"]


def test_children_and_their_limits(agh: Agh) -> None:
    ws, other = workspace(agh), workspace(agh, "/srv/two", "two")
    root = make(agh)
    child = agh.task("below", parent=root, scope="workspace", workspace=ws)
    assert child["parent_task_id"] == root["id"]
    assert child["origin"]["ref"] == "tasks.create_child"
    path = f"/api/tasks/{child['id']}/children"
    refused(agh.post(path, {"scope": "global", "title": "t"}), 400, "workspace")
    refused(agh.post(path, {"scope": "workspace", "title": "t", "workspace": other}), 400, "workspace")
    refused(agh.post(f"/api/tasks/task-{BLANK}/children", {"scope": "global", "title": "t"}), 404)
    seen = agh.see(root)
    assert seen["summary"]["child_count"] == 1
    assert [one["id"] for one in seen["children"]] == [child["id"]]
    assert seen["events"][0]["event_type"] == "task.child_created"
    assert seen["events"][0]["payload"] == {
        "child_task_id": child["id"],
        "child_scope": "workspace",
        "child_workspace_id": ws,
    }
    last = child
    for _ in range(6):
        last = agh.task("deeper", parent=last, scope="workspace", workspace=ws)
    refused(
        agh.post(f"/api/tasks/{last['id']}/children", {"scope": "workspace", "title": "t", "workspace": ws}), 409, "8"
    )


def test_changing_a_task(agh: Agh) -> None:
    task = make(agh, metadata={"a": 1, "b": 2})
    path = f"/api/tasks/{task['id']}"
    same = good(agh.patch(path, {"title": " a task", "priority": "medium", "metadata": {"b": 2, "a": 1}}))["task"]
    assert same == task
    agh.stand.clock.forward(seconds=1)
    body = {"title": "new", "priority": "high", "network_channel": "talk", "owner": {"kind": "pool", "ref": "coder"}}
    after = good(agh.patch(path, body))["task"]
    assert after.items() >= body.items()
    assert after["updated_at"] > task["updated_at"]
    event = agh.see(task)["events"][0]
    assert event["event_type"] == "task.updated"
    fields = ["title", "priority", "owner", "network_channel"]
    assert event["payload"] == {"changed_fields": fields, "status": "ready"}
    cleared = good(agh.patch(path, {"clear_owner": True, "network_channel": "", "description": ""}))["task"]
    assert "owner" not in cleared
    assert "network_channel" not in cleared


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_a_task_may_not_become(agh: Agh, stranger: Agh) -> None:
    task = make(agh)
    path = f"/api/tasks/{task['id']}"
    for body, words in (
        ({}, "title"),
        ({"title": None, "unknown": 1}, "title"),
        ({"clear_owner": False}, "title"),
        ({"title": " "}, "title"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"priority": "x"}, "priority"),
        ({"approval_policy": "x"}, "approval_policy"),
        ({"network_channel": "#"}, "channel"),
        ({"owner": {"kind": "human", "ref": "a"}, "clear_owner": True}, "clear_owner"),
        ({"owner": {"kind": "human"}}, "ref"),
        ({"auto_enqueue_on_ready": "yes"}, "auto_enqueue_on_ready"),
    ):
        refused(agh.patch(path, body, loose=True), 400, words)
    refused(agh.patch(path), 400)
    refused(agh.patch(path, {"metadata": "x" * 17_000}), 413)
    for who, missing in ((stranger, path), (agh, f"/api/tasks/task-{BLANK}"), (agh, "/api/tasks/nothing")):
        refused(who.patch(missing, {"title": "t"}), 404)
        refused(who.get(missing), 404)
        refused(who.delete(missing), 404)
        refused(who.get(f"{missing}/tree"), 404)
        refused(who.get(f"{missing}/runs"), 404)
    assert agh.see(task)["task"] == task


def test_another_approval_policy_asks_anew(agh: Agh) -> None:
    task = make(agh)
    path = f"/api/tasks/{task['id']}"
    manual = good(agh.patch(path, {"approval_policy": "manual"}))["task"]
    assert (manual["status"], manual["approval_state"]) == ("blocked", "pending")
    none = good(agh.patch(path, {"approval_policy": "none"}))["task"]
    assert (none["status"], none["approval_state"]) == ("ready", "not_required")


def test_lists_filter_and_show_the_latest_activity_first(agh: Agh) -> None:
    one = make(agh, title="Große Änderung", identifier="REL-1")
    agh.tick(seconds=1)
    two = make(agh, title="two", priority="low", network_channel="talk", approval_policy="manual")
    agh.tick(seconds=1)
    draft = make(agh, title="draft", draft=True, owner={"kind": "human", "ref": "ann"})
    agh.tick(seconds=1)
    child = agh.task("child", parent=two, priority="urgent")
    for asked, found in (
        ({}, [child, two, one]),
        ({"include_drafts": True}, [child, two, draft, one]),
        ({"status": "draft"}, [draft]),
        ({"status": "BLOCKED"}, [two]),
        ({"priority": "low"}, [two]),
        ({"priority": "urgent"}, [child]),
        ({"approval_state": "pending"}, [two]),
        ({"owner_kind": "human", "owner_ref": "ann", "include_drafts": True}, [draft]),
        ({"owner_ref": "ann"}, []),
        ({"parent_task_id": two["id"]}, [child]),
        ({"parent_task_id": f"task-{BLANK}"}, []),
        ({"network_channel": "talk"}, [two]),
        ({"query": "GROSSE ä"}, [one]),
        ({"query": "rel-"}, [one]),
        ({"limit": 2}, [child, two]),
        ({"limit": 0}, [child, two, one]),
    ):
        assert ids(good(loosely(agh, "/api/tasks", **asked))["tasks"]) == ids(found), asked
    for name, bad in (
        ("scope", "x"),
        ("status", "x"),
        ("priority", "x"),
        ("approval_state", "x"),
        ("owner_kind", "x"),
        ("include_drafts", "x"),
        ("limit", "-1"),
        ("limit", "1.5"),
    ):
        refused(loosely(agh, "/api/tasks", **{name: bad}), 400, name)


def test_lists_say_what_each_task_waits_for_and_does(agh: Agh) -> None:
    first, second = make(agh, title="first"), make(agh, title="second")
    good(agh.post(f"/api/tasks/{second['id']}/dependencies", {"depends_on_task_id": first["id"]}))
    run = agh.start(first)
    by_title = {task["title"]: task for task in listed(agh)}
    assert by_title["first"]["active_run"]["id"] == run["id"]
    assert by_title["first"]["active_run"]["max_attempts"] == 3
    (waits,) = by_title["second"]["dependencies"]
    assert (waits["depends_on"]["id"], waits["kind"]) == (first["id"], "blocks")
    assert by_title["second"]["dependency_count"] == 1
    detail = agh.see(second)
    assert detail["dependency_references"] == [waits]
    assert detail["dependencies"] == [{name: value for name, value in waits.items() if name != "depends_on"}]


def test_a_list_of_many_tasks_is_whole(agh: Agh) -> None:
    titles = [f"task {number}" for number in range(510)]
    yard = Yard(agh.stand.store, agh.stand.clock)
    for title in titles:
        agh.stand.clock.forward(micros=1)
        yard.task(title)
    assert [task["title"] for task in listed(agh)] == titles[::-1]
    assert [task["title"] for task in listed(agh, limit=501)] == titles[:-502:-1]


def test_trees_go_level_by_level(agh: Agh) -> None:
    root = make(agh, title="root")
    left, right = (agh.task(name, parent=root) for name in ("left", "right"))
    agh.tick(seconds=1)
    deep = agh.task("deep", parent=left)
    good(agh.post(f"/api/tasks/{left['id']}/pause", {"reason": "wait"}))
    run = agh.start(right)
    tree = good(agh.get(f"/api/tasks/{root['id']}/tree"))["tree"]
    assert (tree["root"]["task"]["id"], tree["root"]["depth"], tree["root"]["child_count"]) == (root["id"], 0, 2)
    shape = [(node["depth"], node["task"]["title"], node["parent_task_id"]) for node in tree["descendants"]]
    assert sorted(shape[:2]) == [(1, "left", root["id"]), (1, "right", root["id"])]
    assert shape[2:] == [(2, "deep", left["id"])]
    nodes = {node["task"]["title"]: node for node in tree["descendants"]}
    assert nodes["right"]["active_run"]["id"] == run["id"]
    assert (nodes["left"]["task"]["paused"], nodes["left"]["task"]["effective_paused"]) == (True, True)
    assert "paused" not in nodes["deep"]["task"]
    assert nodes["deep"]["task"]["paused_by_task_id"] == left["id"]
    below = good(agh.get(f"/api/tasks/{left['id']}/tree"))["tree"]
    assert [(node["depth"], node["task"]["title"]) for node in below["descendants"]] == [(1, "deep")]
    assert "descendants" not in good(agh.get(f"/api/tasks/{deep['id']}/tree"))["tree"]


def test_runs_of_a_task_are_listed_newest_first(agh: Agh) -> None:
    task = make(agh)
    agent = agh.as_session()
    for number in range(2):
        run = agh.start(task, idempotency_key=f"k{number}")
        assert agent.claim() is not None
        good(agent.post(f"/api/agent/tasks/{run['id']}/fail", {"error": "no"}))
        agh.tick(seconds=1)
    queued = agh.start(task)
    path = f"/api/tasks/{task['id']}/runs"
    runs = good(agh.get(path))["runs"]
    assert [(run["attempt"], run["status"]) for run in runs] == [(3, "queued"), (2, "failed"), (1, "failed")]
    assert runs[0]["id"] == queued["id"]
    assert len(good(agh.get(path, limit=2))["runs"]) == 2
    assert ids(good(agh.get(path, status="queued"))["runs"]) == [queued["id"]]
    mine = good(agh.get(path, session_id=agent.headers["x-agh-session-id"]))["runs"]
    assert [run["attempt"] for run in mine] == [2, 1]
    assert good(agh.get(path, session_id="sess-nobody"))["runs"] == []
    refused(loosely(agh, path, status="x"), 400, "status")
    assert [run["id"] for run in agh.see(task)["runs"]] == ids(runs)


def test_deleting_a_task(agh: Agh) -> None:
    first, second = make(agh, title="first"), make(agh, title="second", auto_enqueue_on_ready=True)
    good(agh.post(f"/api/tasks/{second['id']}/dependencies", {"depends_on_task_id": first["id"]}))
    child = agh.task("child", parent=first)
    run = agh.start(first)
    refused(agh.delete(f"/api/tasks/{first['id']}"), 400, "children")
    good(agh.delete(f"/api/tasks/{child['id']}"), 204)
    refused(agh.delete(f"/api/tasks/{first['id']}"), 400, "queued")
    assert agh.status(second) == "blocked"
    good(agh.post(f"/api/task-runs/{run['id']}/cancel"))
    good(agh.delete(f"/api/tasks/{first['id']}"), 204)
    refused(agh.get(f"/api/tasks/{first['id']}"), 404)
    refused(agh.get(f"/api/task-runs/{run['id']}"), 404)
    seen = agh.see(second)
    assert (seen["task"]["status"], "dependencies" in seen) == ("ready", False)
    assert seen["summary"]["active_run"]["status"] == "queued"
    assert ids(listed(agh)) == [second["id"]]
