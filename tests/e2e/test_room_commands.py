"""Where agents work and talk, and how people hear of them, on the command line against a real server."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Place
from tests.e2e.desk import NOBODY, Desk
from tests.e2e.tables import fields, rows


@pytest.fixture
def desk(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The command line on a project of its own."""
    return Desk(place, tmp_path, capsys)


def test_workspaces_are_made_with_agents_in_them(desk: Desk) -> None:
    assert "no workspaces" in desk.call("workspaces", "list").err
    made = desk.json("workspaces", "create", "/srv/shop", "--extra-dir", "/srv/a", "--extra-dir", "/srv/b")
    assert (made["name"], made["extra_dirs"]) == ("shop", ["/srv/a", "/srv/b"])
    assert desk.json("workspaces", "create", "/srv/shop", code=6)["code"] == "already_exists"
    changed = desk.json(
        "workspaces", "update", "shop", "--name", "store", "--default-agent", "writer", "--extra-dir", ""
    )
    assert (changed["name"], changed["default_agent"], changed["extra_dirs"]) == ("store", "writer", [])
    assert desk.json("workspaces", "update", "store", code=2)["code"] == "usage"
    assert desk.shown("workspaces", "get", "store")["id"] == made["id"]
    assert [row["NAME"] for row in rows(desk.text("workspaces", "list"))] == ["store"]

    prompt = desk.folder / "prompt.md"
    prompt.write_text("You write.")
    known = desk.json("personas", "create", "writer", "--capability", "go", "--prompt", f"@{prompt}")
    assert (known["workspace_id"], known["capabilities"], known["prompt"]) == (None, ["go"], "You write.")
    own = desk.json(
        "personas", "create", "writer", "--workspace", "store", "--spec", '{"model": "m1", "tools": ["sh"]}'
    )
    assert (own["workspace_id"], own["model"]) == (made["id"], "m1")
    assert desk.json("personas", "create", "writer", code=6)["code"] == "already_exists"
    assert [one["model"] for one in desk.shown("personas", "list", "--workspace", "store")] == ["m1"]
    spec = json.dumps(desk.json("personas", "get", "writer", "--workspace", "store"))
    anew = desk.json("personas", "redefine", "writer", "--workspace", "store", "--spec", spec, "--model", "m2")
    assert (anew["model"], anew["tools"]) == ("m2", ["sh"])
    assert desk.json("personas", "delete", "writer", "--workspace", "store", "-y") == {"deleted": "writer"}
    assert desk.shown("personas", "get", "writer", "--workspace", "store")["workspace_id"] is None

    assert desk.json("workspaces", "delete", "store", code=2)["code"] == "usage"
    assert desk.json("workspaces", "delete", "store", "-y") == {"deleted": "store"}
    assert desk.json("workspaces", "get", "store", code=5)["code"] == "not_found"


def test_sessions_talk_in_channels_and_are_talked_to(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    client = desk.client
    ann, bob = (client.sessions.create(agent=name, channel="ops") for name in ("ann", "bob"))
    made = desk.json("channels", "describe", "ops", "--title", "Operations", "--purpose", "What is on fire")
    assert (made["display_name"], made["messages"]) == ("Operations", 0)
    assert "Nothing was said" in desk.call("channels", "messages", "ops").err
    said = client.sessions.say(ann.id, kind="request", channel="ops", body={"where": "here"})
    (heard,) = client.sessions.receive(bob.id, "ops")
    client.sessions.say(bob.id, kind="reply", reply_to=heard.id, body="coming")
    assert [one.body for one in client.sessions.receive(ann.id, "ops", wait_seconds=5)] == ["coming"]
    told = desk.shown("channels", "messages", "ops")
    assert [(one["recipient_id"], one["reply_to"]) for one in told] == [(None, None), (ann.id, said.id)]
    assert [(row["KIND"], row["FROM"]) for row in rows(desk.text("channels", "messages", "ops", "-n", "1"))] == [
        ("request", ann.id)
    ]
    assert desk.shown("channels", "get", "ops")["messages"] == 2
    assert [one["name"] for one in desk.shown("channels", "list")] == ["ops"]
    assert [one["name"] for one in desk.shown("sessions", "channels", ann.id)] == ["ops"]
    assert desk.json("channels", "get", "nowhere", code=5)["code"] == "not_found"

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"put it out")))
    first = desk.json("sessions", "prompt", bob.id[-12:])
    second = desk.json("sessions", "prompt", bob.id, "and go home", "--mode", "queue")
    assert [one["id"] for one in desk.shown("sessions", "prompts", bob.id)] == [second["id"], first["id"]]
    assert desk.json("sessions", "cancel-prompt", bob.id, second["id"])["state"] == "canceled"
    assert [one.text for one in client.sessions.take_prompts(bob.id)] == ["put it out"]
    assert desk.json("sessions", "cancel-prompt", bob.id, first["id"], code=6)["message"]
    assert desk.shown("sessions", "events", bob.id)[0]["number"] == 1
    found = desk.shown("sessions", "situation", bob.id)
    assert (found["session"]["id"], [one["id"] for one in found["peers"]]) == (bob.id, [ann.id])
    assert fields(desk.text("sessions", "situation", bob.id))["channels"] == "ops"


def test_people_are_told_over_bridges(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no bridges" in desk.call("bridges", "list").err
    said = desk.call("bridges", "create", "ops", "https://ops.example/hook", "--config", '{"a": 1}', "--disabled")
    shown = fields(said.out)
    assert (shown["secret"][:6], shown["state"], shown["config"]) == ("whsec_", "disabled", '{"a": 1}')
    assert "cannot be shown again" in said.err
    assert "secret" not in fields(desk.text("bridges", "get", "ops"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"https://ops.example/other\n")))
    assert desk.json("bridges", "create", "ops")["state"] == "ready"
    assert "2 bridges are called" in desk.json("bridges", "get", "ops", code=2)["message"]
    bridge = desk.json("bridges", "update", shown["id"], "--name", "night", "--suppressed")
    assert (bridge["name"], bridge["suppressed"]) == ("night", True)
    assert desk.json("bridges", "update", "night", code=2)["code"] == "usage"
    assert desk.json("bridges", "update", "night", "--config", "[]", code=2)["code"] == "usage"
    assert desk.json("bridges", "restart", "night", code=6)["message"], "it is disabled"
    assert desk.json("bridges", "enable", "night")["state"] == "ready"
    assert desk.json("bridges", "restart", "night")["state"] == "ready"
    assert desk.json("bridges", "disable", bridge["id"][-12:])["enabled"] is False
    assert [row["NAME"] for row in rows(desk.text("bridges", "list"))] == ["ops", "night"]
    assert desk.json("bridges", "get", NOBODY, code=5)["code"] == "not_found"

    task = desk.client.tasks.create("Paint").id
    assert desk.json("tasks", "subscribe", task, "night", code=2)["code"] == "usage"
    made = desk.json("tasks", "subscribe", task, "night", "--group", "painters", "--thread", "7", "--name", "mine")
    assert (made["bridge_id"], made["group_id"], made["thread_id"]) == (bridge["id"], "painters", "7")
    assert [row["WHOM"] for row in rows(desk.text("tasks", "subscriptions", task))] == ["group:painters thread:7"]
    assert desk.shown("tasks", "subscription", task, "mine")["id"] == made["id"]
    assert {one["route"] for one in desk.shown("bridges", "targets", "night")} == {
        "group:painters",
        "thread:painters/7",
    }
    assert desk.json("bridges", "targets", "night", "--query", "nobody") == []
    assert desk.shown("bridges", "resolve", "night", "#painters")["target"]["route"] == "group:painters"
    assert fields(desk.text("bridges", "resolve", "night", "group:painters"))["found"] == "written in full"
    assert desk.json("bridges", "delete", "night", "-y", code=6)["message"], "somebody is told over it"
    assert desk.json("tasks", "unsubscribe", task, "mine") == {"deleted": "mine"}
    assert "Nobody is told" in desk.call("tasks", "subscriptions", task).err
    assert desk.json("bridges", "delete", "night", "-y") == {"deleted": bridge["id"]}
