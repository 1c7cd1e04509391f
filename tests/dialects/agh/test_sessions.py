"""Sessions, workspaces and agents over HTTP (contract §2, §28)."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx2
import pytest

from runyard.engine.tasks import settling
from tests.dialects.agh.client import Agh, good, ids, refused
from tests.support.stand import Stand
from tests.support.verbs import Json

NOBODY = "sess-" + "0" * 32


def workspace(agh: Agh, root: str = "/src/shop", **said: Any) -> Json:
    found: Json = good(agh.post("/api/workspaces", {"root_dir": root, **said}), 201)["workspace"]
    return found


def begin(agh: Agh, agent: str = "coder", **said: Any) -> Json:
    found: Json = good(agh.post("/api/sessions", {"agent_name": agent, **said}), 201)["session"]
    return found


def place(session: Json) -> str:
    return f"/api/workspaces/{session.get('workspace_id', 'global')}/sessions/{session['id']}"


def as_session(agh: Agh, session: Json) -> Agh:
    return agh.saying(x_agh_session_id=session["id"], x_agh_agent=session["agent_name"])


def events(agh: Agh, session: Json, **said: Any) -> list[Json]:
    found: list[Json] = good(agh.get(f"{place(session)}/events", **said))["events"]
    return found


# Workspaces


def test_a_workspace_is_made_found_changed_and_deleted(agh: Agh):
    made = workspace(agh, "/src/shop/", default_agent="coder", add_dirs=["/src/lib"])
    assert made["id"].startswith("ws-")
    assert (made["name"], made["root_dir"], made["add_dirs"]) == ("shop", "/src/shop", ["/src/lib"])
    for name in (made["id"], "shop"):
        detail = good(agh.get(f"/api/workspaces/{name}"))
        assert detail["workspace"] == made
    assert ids(good(agh.get("/api/workspaces"))["workspaces"]) == [made["id"]]
    changed = good(agh.patch(f"/api/workspaces/{made['id']}", {"name": "store", "add_dirs": []}))["workspace"]
    assert (changed["name"], changed["add_dirs"], changed["default_agent"]) == ("store", [], "coder")
    assert agh.delete(f"/api/workspaces/{made['id']}").status_code == 204
    refused(agh.get(f"/api/workspaces/{made['id']}"), 404, "no workspace")


def test_a_place_is_one_workspace(agh: Agh):
    made = workspace(agh)
    refused(agh.post("/api/workspaces", {"root_dir": "/src//shop", "name": "other"}), 409, "already")
    refused(agh.post("/api/workspaces", {"root_dir": "/elsewhere", "name": "shop"}), 409, "already")
    assert good(agh.post("/api/workspaces/resolve", {"path": "/src/shop"}))["workspace"] == made
    fresh = good(agh.post("/api/workspaces/resolve", {"path": "/other/shop"}))["workspace"]
    assert (fresh["name"], fresh["root_dir"]) == ("shop-2", "/other/shop")


def test_a_workspace_in_use_is_not_deleted(agh: Agh, stranger: Agh):
    made = workspace(agh)
    session = begin(agh, workspace="shop")
    refused(agh.delete(f"/api/workspaces/{made['id']}"), 409, "sessions")
    good(agh.post(f"{place(session)}/stop"), 204)
    task = good(agh.post("/api/tasks", {"scope": "workspace", "workspace": "shop", "title": "a task"}), 201)["task"]
    assert task["workspace_id"] == made["id"]
    refused(agh.delete(f"/api/workspaces/{made['id']}"), 409, "tasks")
    refused(stranger.get(f"/api/workspaces/{made['id']}"), 404)
    refused(stranger.delete(f"/api/workspaces/{made['id']}"), 404)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/workspaces", {}, 400),
        ("POST", "/api/workspaces", {"root_dir": " "}, 400),
        ("POST", "/api/workspaces", {"root_dir": "/a\0b"}, 400),
        ("POST", "/api/workspaces", {"root_dir": "/a", "name": "x" * 200}, 400),
        ("POST", "/api/workspaces", {"root_dir": "/a", "add_dirs": "b"}, 400),
        ("POST", "/api/workspaces/resolve", {"path": ""}, 400),
        ("PATCH", "/api/workspaces/shop", {}, 400),
        ("PATCH", "/api/workspaces/shop", {"name": " "}, 400),
        ("PATCH", "/api/workspaces/nowhere", {"name": "x"}, 404),
        ("GET", "/api/workspaces/ws-x", None, 404),
        ("GET", "/api/workspaces?limit=x", None, 400),
        ("POST", "/api/sessions", {}, 400),
        ("POST", "/api/sessions", {"agent_name": "a b"}, 400),
        ("POST", "/api/sessions", {"agent_name": "a", "workspace": "nowhere"}, 404),
        ("POST", "/api/sessions", {"agent_name": "a", "workspace": "shop", "workspace_path": "/x"}, 400),
        ("POST", "/api/sessions", {"agent_name": "a", "channel": "Not One"}, 400),
        ("POST", "/api/sessions", {"agent_name": "a", "capabilities": ["two words"]}, 400),
        ("POST", "/api/sessions", {"agent_name": "a", "ttl_seconds": 86401}, 400),
        ("GET", "/api/sessions?state=lost", None, 400),
        ("GET", "/api/sessions?workspace=nowhere", None, 404),
        ("GET", f"/api/workspaces/global/sessions/{NOBODY}", None, 404),
        ("GET", f"/api/sessions/{NOBODY}", None, 404),
        ("GET", "/api/sessions/nobody", None, 404),
        ("POST", f"/api/workspaces/global/sessions/{NOBODY}/stop", None, 404),
        ("POST", f"/api/workspaces/global/sessions/{NOBODY}/prompt", {"message": "hi"}, 404),
        ("GET", f"/api/workspaces/global/sessions/{NOBODY}/events", None, 404),
        ("POST", "/api/agents", {"scope": "global", "agent": {"name": "a", "provider": "p"}}, 400),
        ("POST", "/api/agents", {"scope": "global", "agent": {"name": "a", "prompt": "p"}}, 400),
        ("POST", "/api/agents", {"scope": "", "agent": {"name": "a", "provider": "p", "prompt": "p"}}, 400),
        ("POST", "/api/agents", {"scope": "workspace", "agent": {"name": "a", "provider": "p", "prompt": "p"}}, 400),
        ("POST", "/api/agents", {"scope": "galaxy", "agent": {"name": "a", "provider": "p", "prompt": "p"}}, 400),
        ("GET", "/api/agents/nobody", None, 404),
    ],
)
def test_what_cannot_be_is_refused(agh: Agh, method, path, body, status):
    workspace(agh)
    refused(agh.send(method, path, **({"body": body} if body is not None else {}), loose=True), status)


# Agents


def test_agents_are_known_everywhere_or_in_one_workspace(agh: Agh, stranger: Agh):
    workspace(agh)
    plain = {"name": "coder", "provider": "claude", "model": "opus", "prompt": "Write code.", "capabilities": ["go"]}
    made = good(agh.post("/api/agents", {"scope": "global", "agent": plain}), 201)["agent"]
    assert (made["name"], made["origin"], made["model"]) == ("coder", "global", "opus")
    own = {"scope": "Workspace", "workspace": "shop", "agent": plain | {"prompt": "Write shops."}}
    there = good(agh.post("/api/agents", own), 201)["agent"]
    assert there["origin"] == "workspace"
    refused(agh.post("/api/agents", own), 409, "already")
    assert good(agh.get("/api/agents/coder"))["agent"] == made
    assert good(agh.get("/api/agents/coder", workspace="shop"))["agent"] == there
    assert good(agh.get("/api/agents"))["agents"] == [made]
    assert good(agh.get("/api/agents", workspace="shop"))["agents"] == [there]
    assert good(stranger.get("/api/agents"))["agents"] == []
    session = begin(agh, workspace="shop", capabilities=["c"])
    assert (session["provider"], session["model"], session["capabilities"]) == ("claude", "opus", ["c", "go"])


# Sessions


def test_a_session_begins_and_takes_work_of_its_workspace(agh: Agh):
    made = workspace(agh, default_agent="coder")
    session = begin(agh, "", workspace_path="/src/shop", channel="build", name="first")
    assert (session["agent_name"], session["state"], session["channel"]) == ("coder", "active", "build")
    assert (session["workspace_id"], session["workspace_path"]) == (made["id"], "/src/shop")
    assert good(agh.get(place(session)))["session"] == session
    assert good(agh.get(f"/api/sessions/{session['id']}"))["session"] == session
    assert ids(good(agh.get("/api/sessions", workspace="shop", agent_name="coder"))["sessions"]) == [session["id"]]
    status = good(agh.get(f"{place(session)}/status"))
    assert (status["state"], status["eligible_for_wake"], status["active_prompt"]) == ("idle", True, False)
    new = {"scope": "workspace", "workspace": made["id"], "title": "a task", "network_channel": "build"}
    task = good(agh.post("/api/tasks", new), 201)["task"]
    agh.start(task)
    claim = as_session(agh, session).claim()
    assert claim is not None
    assert claim["coordination_channel"]["channel"] == "build"
    status = good(agh.get(f"{place(session)}/status"))
    assert (status["state"], status["eligible_for_wake"]) == ("working", False)
    assert status["ineligibility_reason"] == "active_lease"


def test_a_channel_of_another_workspace_is_refused_and_nothing_is_made(agh: Agh):
    workspace(agh)
    begin(agh, workspace="shop", channel="build")
    refused(agh.post("/api/sessions", {"agent_name": "a", "workspace_path": "/new", "channel": "build"}), 400, "build")
    refused(agh.get("/api/workspaces/new"), 404)
    refused(agh.post("/api/sessions", {"agent_name": "a", "channel": "build"}), 400, "another workspace")


def test_sessions_of_others_are_not_there(agh: Agh, stranger: Agh):
    session = begin(agh)
    refused(stranger.get(place(session)), 404)
    refused(stranger.post(f"{place(session)}/stop"), 404)
    refused(agh.get(f"/api/workspaces/ws-{'1' * 32}/sessions/{session['id']}"), 404)
    assert good(stranger.get("/api/sessions"))["sessions"] == []


def test_a_session_that_stops_gives_its_run_back(agh: Agh):
    session = begin(agh)
    run = agh.start()
    caller = as_session(agh, session)
    assert caller.claim() is not None
    assert agh.post(f"{place(session)}/stop").status_code == 204
    assert agh.post(f"{place(session)}/stop").status_code == 204
    stopped = good(agh.get(place(session)))["session"]
    assert (stopped["state"], stopped["stop_reason"]) == ("stopped", "stopped")
    assert ids(good(agh.get("/api/sessions", state="active"))["sessions"]) == []
    refused(caller.get("/api/agent/me"), 401, code="identity_stale")
    other = as_session(agh, begin(agh)).claim()
    assert other is not None
    assert other["run"]["id"] == run["id"]
    assert [one["type"] for one in events(agh, session)] == ["session_started", "session_stopped"]


# Prompts and events


def test_prompts_wait_in_order_until_the_session_reads_them(agh: Agh):
    session = begin(agh)
    first = good(agh.post(f"{place(session)}/prompt", {"message": "one"}), 202)["prompt"]
    assert (first["status"], first["queued"], first["queue_position"]) == ("queued", True, 1)
    parts = [{"role": "user", "parts": [{"type": "text", "text": "two"}]}]
    second = good(agh.post(f"{place(session)}/prompt", {"messages": parts}), 202)["prompt"]
    assert second["queue_position"] == 2
    seen = events(agh, session, after_sequence=1)
    assert [(one["sequence"], one["type"], one["content"]["text"]) for one in seen] == [
        (2, "user_message", "one"),
        (3, "user_message", "two"),
    ]
    assert seen[0]["turn_id"] == seen[0]["content"]["prompt_id"] == first["queue_entry_id"]
    assert good(agh.get(f"{place(session)}/status"))["active_prompt"] is True
    own = as_session(agh, session)
    assert [one["content"]["text"] for one in events(own, session, after_sequence=2)] == ["two"]
    third = good(agh.post(f"{place(session)}/prompt", {"message": "three"}), 202)["prompt"]
    assert third["queue_position"] == 2
    events(own, session)
    assert good(agh.get(f"{place(session)}/status"))["active_prompt"] is False
    assert [one["type"] for one in events(agh, session, type="prompts_taken")] == ["prompts_taken"] * 2


def test_an_interruption_takes_the_place_of_what_waits(agh: Agh):
    session = begin(agh)
    for text in ("one", "two"):
        good(agh.post(f"{place(session)}/prompt", {"message": text}), 202)
    said = good(agh.post(f"{place(session)}/prompt", {"message": "stop!", "mode": "interrupt"}), 202)["prompt"]
    assert (said["queue_position"], said["canceled_queued_entries"], said["interrupted"]) == (1, 2, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"message": "  "}, 400),
        ({"message": "a", "mode": "shout"}, 400),
        ({"message": "a\0b"}, 400),
        ({"message": "a" * 70_000}, 413),
        ({"message": 7}, 400),
    ],
)
def test_what_cannot_be_said_is_refused(agh: Agh, body, status):
    session = begin(agh)
    refused(agh.post(f"{place(session)}/prompt", body), status)
    assert [one["type"] for one in events(agh, session)] == ["session_started"]


def test_a_session_listens_to_so_much_and_no_more(agh: Agh):
    session = begin(agh)
    for _ in range(100):
        good(agh.post(f"{place(session)}/prompt", {"message": "again"}), 202)
    refused(agh.post(f"{place(session)}/prompt", {"message": "again"}), 413, "100")
    good(agh.post(f"{place(session)}/stop"), 204)
    refused(agh.post(f"{place(session)}/prompt", {"message": "again"}), 409, "stopped")


def test_events_are_waited_for(agh: Agh):
    session = begin(agh)
    found: list[Json] = []
    waiting = threading.Thread(target=lambda: found.extend(events(agh, session, after_sequence=1, wait="true")))
    waiting.start()
    good(agh.post(f"{place(session)}/prompt", {"message": "one"}), 202)
    waiting.join(30)
    assert [one["content"]["text"] for one in found] == ["one"]


def test_events_are_followed(agh: Agh, stand: Stand):
    session = begin(agh)
    good(agh.post(f"{place(session)}/prompt", {"message": "one"}), 202)
    good(agh.post(f"{place(session)}/stop"), 204)
    request = agh.request("GET", f"{place(session)}/events", headers={"accept": "text/event-stream"})
    response: httpx2.Response = stand.http.send(request)
    frames = [dict(line.split(": ", 1) for line in part.split("\n")) for part in response.text.strip().split("\n\n")]
    assert [(one["id"], one["event"]) for one in frames] == [
        ("1", "session_started"),
        ("2", "user_message"),
        ("3", "session_stopped"),
    ]
    assert json.loads(frames[1]["data"])["content"]["text"] == "one"


# Who one is


def test_who_calls_is_checked_in_order(agh: Agh, stranger: Agh):
    session = begin(agh)
    refused(agh.get("/api/agent/me"), 401, code="identity_required")
    refused(agh.saying(x_agh_session_id=session["id"]).get("/api/agent/me"), 401, code="identity_required")
    refused(agh.saying(x_agh_agent="coder").get("/api/agent/me"), 401, code="identity_required")
    unknown = agh.saying(x_agh_session_id=NOBODY, x_agh_agent="coder")
    refused(unknown.get("/api/agent/me"), 401, code="identity_stale")
    other = agh.saying(x_agh_session_id=session["id"], x_agh_agent="tester")
    refused(other.get("/api/agent/me"), 401, code="identity_mismatch")
    mine = as_session(agh, session)
    refused(mine.saying(x_agh_workspace_id=f"ws-{'1' * 32}").get("/api/agent/me"), 403, code="identity_unauthorized")
    refused(as_session(stranger, session).get("/api/agent/me"), 401, code="identity_stale")
    me = good(mine.get("/api/agent/me"))["me"]
    assert (me["self"]["session_id"], me["self"]["agent_name"]) == (session["id"], "coder")
    assert (me["workspace"], me["channels"], me["active_task_leases"]) == ({}, [], [])
    assert me["limits"]["max_active_task_leases"] == 1


def test_a_session_is_told_of_its_work_and_who_is_there(agh: Agh):
    workspace(agh)
    session = begin(agh, workspace="shop", capabilities=["go"])
    peer = begin(agh, "tester", workspace="shop")
    mine = as_session(agh, session)
    context = good(mine.get("/api/agent/context"))["context"]
    assert context["task"] == {"available": False}
    assert context["coordination_channel"] == {"available": False}
    assert ids_of_peers(context) == [peer["id"]]
    task = good(agh.post("/api/tasks", {"scope": "workspace", "workspace": "shop", "title": "a task"}), 201)["task"]
    run = agh.start(task)
    assert mine.claim() is not None
    good(mine.post(f"/api/agent/tasks/{run['id']}/fail", {"error": "no luck"}))
    again = agh.start(task)
    assert mine.claim() is not None
    context = good(mine.get("/api/agent/context"))["context"]
    bundle = context["task"]["bundle"]
    assert (context["task"]["available"], context["task"]["lease"]["run_id"]) == (True, again["id"])
    assert (bundle["current_run"]["id"], ids(bundle["prior_attempts"])) == (again["id"], [run["id"]])
    assert bundle["prior_attempts"][0]["error"] == "no luck"
    assert bundle["recent_events"][0]["event_type"] == "task.created"
    assert bundle["recent_events"][-1]["sequence"] == bundle["latest_event_seq"]
    channel = context["coordination_channel"]["channel"]
    assert (channel["id"], channel["task_id"]) == (again["coordination_channel_id"], task["id"])
    assert context["capabilities"]["capabilities"] == [{"id": "go", "source": "session"}]
    me = good(mine.get("/api/agent/me"))["me"]
    assert [one["run_id"] for one in me["active_task_leases"]] == [again["id"]]
    assert [one["id"] for one in me["channels"]] == [again["coordination_channel_id"]]


def ids_of_peers(context: Json) -> list[str]:
    return [one["session_id"] for one in context["peer_roster"]["peers"]]


def test_what_was_found_wanting_is_told_to_the_next_round(agh: Agh):
    session = begin(agh)
    mine = as_session(agh, session)
    run = agh.start()
    assert mine.claim() is not None
    good(mine.post(f"/api/agent/tasks/{run['id']}/complete", {"result": {"ok": True}}))
    review = good(agh.post(f"/api/task-runs/{run['id']}/reviews", {}, loose=True), 201)["review"]
    verdict = {
        "run_id": run["id"],
        "verdict": {
            "outcome": "rejected",
            "confidence": 0.9,
            "reason": "too thin",
            "delivery_id": "d1",
            "missing_work": ["tests"],
            "next_round_guidance": "write tests",
        },
    }
    good(agh.post(f"/api/task-reviews/{review['review_id']}/verdict", verdict))
    assert mine.claim() is not None
    bundle = good(mine.get("/api/agent/context"))["context"]["task"]["bundle"]
    continuation = bundle["review_continuation"]
    assert (continuation["missing_work"], continuation["next_round_guidance"]) == (["tests"], "write tests")
    assert continuation["reviewed_run_id"] == run["id"]
    assert [one["outcome"] for one in bundle["review_history"]] == ["rejected"]


# Sessions below others

CHILD = {"agent_name": "helper", "spawn_role": "worker", "ttl_seconds": 60}


def spawn(agh: Agh, **said: Any) -> Json:
    found: Json = good(agh.post("/api/agent/spawn", CHILD | said), 201)["spawn"]
    return found


def test_a_session_begins_others_that_may_do_no_more_than_it(agh: Agh):
    workspace(agh)
    session = begin(agh, workspace="shop", channel="build")
    first = spawn(as_session(agh, session), permissions={"tools": ["read", "write"]}, idempotency_key="k")
    child = first["session"]
    assert (child["agent_name"], child["channel"], child["workspace_id"]) == (
        "helper",
        "build",
        session["workspace_id"],
    )
    assert first["permissions"]["tools"] == ["read", "write"]
    assert first["lineage"]["parent_session_id"] == first["lineage"]["root_session_id"] == session["id"]
    assert (first["lineage"]["spawn_depth"], first["lineage"]["spawn_role"]) == (1, "worker")
    assert spawn(as_session(agh, session), idempotency_key="k")["session"]["id"] == child["id"]
    caller = as_session(agh, child)
    below = spawn(caller, permissions={"tools": ["read"]})
    assert below["lineage"]["spawn_depth"] == 2
    assert below["lineage"]["root_session_id"] == session["id"]
    refused(caller.post("/api/agent/spawn", CHILD | {"permissions": {"tools": ["shell"]}}), 403, "tools:shell")
    refused(caller.post("/api/agent/spawn", CHILD | {"permissions": {"skills": ["any"]}}), 403, "skills:any")


@pytest.mark.parametrize(
    "said", [{"ttl_seconds": 0}, {"ttl_seconds": 86401}, {"spawn_role": " "}, {"agent_name": ""}, {"agent_name": "a b"}]
)
def test_what_cannot_be_spawned_is_refused(agh: Agh, said):
    refused(as_session(agh, begin(agh)).post("/api/agent/spawn", CHILD | said), 422)


def test_sessions_below_others_are_bounded(agh: Agh):
    caller = as_session(agh, begin(agh))
    for _ in range(16):
        spawn(caller)
    refused(caller.post("/api/agent/spawn", CHILD), 409, "16")
    deep = as_session(agh, begin(agh))
    for _ in range(4):
        deep = as_session(agh, spawn(deep)["session"])
    refused(deep.post("/api/agent/spawn", CHILD), 409, "nested")


def test_a_session_stops_when_its_time_is_up_or_its_parent_has_stopped(agh: Agh, stand: Stand):
    parent = begin(agh)
    caller = as_session(agh, parent)
    bound, free = (spawn(caller, auto_stop_on_parent=yes)["session"] for yes in (True, False))
    good(agh.post(f"{place(parent)}/stop"), 204)
    stand.store.transact(settling.sweep)
    states = [good(agh.get(f"/api/sessions/{one['id']}"))["session"]["state"] for one in (bound, free)]
    assert states == ["stopped", "active"]
    stand.clock.forward(seconds=60)
    stand.store.transact(settling.sweep)
    late = good(agh.get(f"/api/sessions/{free['id']}"))["session"]
    assert (late["state"], late["stop_reason"]) == ("stopped", "ttl_expired")


# The server


def test_the_server_tells_how_it_stands(agh: Agh):
    begin(agh)
    good(agh.post(f"{place(begin(agh, 'tester'))}/stop"), 204)
    agh.start()
    status = good(agh.get("/api/status"))["status"]
    assert status["daemon"]["status"] == "running"
    assert status["sessions"] == {"active": 1, "total": 2, "by_status": {"active": 1, "stopped": 1}}
    assert (status["tasks"]["queue_depth_total"], status["health"]["active_agents"]) == (1, 1)


@pytest.mark.parametrize("path", ["/api/workspaces", "/api/agents", "/api/sessions", "/api/status"])
def test_reading_needs_a_scope(agh: Agh, path):
    refused(agh.with_scopes("runs:read").get(path), 403)
    refused(agh.as_key(None).get(path), 401)
