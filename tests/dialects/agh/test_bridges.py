"""Bridges (contract §28) and who is told over them of the ends of tasks (contract §22)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.dialects.agh.mapping.values import shown
from runyard.domain.webhooks import written
from runyard.engine import workspaces
from runyard.engine.tasks import notifying
from runyard.engine.tasks.notifying import Settled
from runyard.engine.workspaces import NewWorkspace
from tests.dialects.agh.client import Agh, good, id_of, refused
from tests.support.verbs import Json

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
URL = "https://example.com/hook"
SECRET = written(b"k" * 32)
NEW: Json = {
    "scope": "global",
    "display_name": "Ops",
    "platform": "slack",
    "extension_name": "webhook",
    "enabled": True,
    "routing_policy": {"include_peer": True, "include_thread": False, "include_group": True},
}


def bridge(agh: Agh, **said: Any) -> Json:
    """A bridge to a webhook."""
    found: Json = good(agh.post("/api/bridges", {**NEW, "secrets": {"url": URL}, **said}), 201)["bridge"]
    return found


def place(task: Json | str, name: str | None = None) -> str:
    path = f"/api/tasks/{id_of(task)}/notifications/bridges"
    return path if name is None else f"{path}/{name}"


def subscribe(agh: Agh, task: Json | str, over: Json, **said: Any) -> Json:
    """A subscription of the task."""
    body = {"bridge_instance_id": over["id"], "delivery_mode": "direct-send", "scope": "global", "peer_id": "ada"}
    found: Json = good(agh.post(place(task), {k: v for k, v in (body | said).items() if v is not None}), 201)[
        "subscription"
    ]
    return found


def names(agh: Agh, task: Json, **filters: Any) -> list[str]:
    return [one["subscription_id"] for one in good(agh.get(place(task), **filters))["subscriptions"]]


def deliver(agh: Agh, error: str | None = None) -> list[str]:
    """Tell all there is to tell, in place of the server's loop; the ids of what was sent."""
    store, sent = agh.stand.store, []
    while passes := store.look(notifying.passes, store.transact(notifying.take, 20)):
        for one in passes:
            sent += [one.message.id] if one.message is not None else []
            store.transact(notifying.settle, Settled(of=one, error=error if one.message is not None else None))
    return sent


def end(agh: Agh, task: Json) -> None:
    """Let a session complete a run of the task."""
    agh.start(task)
    session = agh.as_session()
    claim = session.claim()
    assert claim is not None
    good(session.post(f"/api/agent/tasks/{claim['run']['id']}/complete", {}))


# Bridges


def test_a_bridge_is_shown_with_its_health_and_without_its_secrets(agh: Agh):
    answer = good(agh.post("/api/bridges", {**NEW, "provider_config": {"team": "t"}, "secrets": {"url": URL}}), 201)
    assert answer["signing_secret"].startswith("whsec_")
    made = answer["bridge"]
    assert made["id"].startswith("brg-")
    assert {name: made[name] for name in NEW} == NEW
    assert (made["status"], made["source"], made["notification_suppress"]) == ("ready", "dynamic", False)
    assert made["provider_config"] == {"team": "t"}
    assert not made.keys() & {"degradation", "workspace_id", "dm_policy", "delivery_defaults"}
    seen = good(agh.get(f"/api/bridges/{made['id']}"))
    assert seen["bridge"] == made
    assert (seen["health"]["status"], seen["health"]["bridge_instance_id"]) == ("ready", made["id"])
    listed = good(agh.get("/api/bridges"))
    assert (listed["bridges"], listed["bridge_health"]) == ([made], {made["id"]: seen["health"]})
    assert "example.com" not in agh.get("/api/bridges").text


NONE: tuple[Json, ...] = (
    {"display_name": " "},
    {"scope": "planet"},
    {"scope": "workspace"},
    {"workspace_id": "ws"},
    {"dm_policy": "shut"},
    {"routing_policy": {"include_thread": True}},
    {"provider_config": ["x"]},
    {"provider_config": {"bot_token": "secret"}},
    {"delivery_defaults": {"thread_id": "1"}},
    {"delivery_defaults": {"channel": "1"}},
    {"delivery_defaults": {"mode": "shout", "peer_id": "a"}},
    {"secrets": {"url": "http://127.0.0.1/"}},
    {"secrets": {"bot_token": "x"}},
    {"extension_name": "apprise", "secrets": {"url": "json://example.com/"}},
    {"enabled": "yes"},
)


@on_sqlite
def test_a_bridge_that_cannot_be_is_refused(agh: Agh):
    for said in NONE:
        refused(agh.post("/api/bridges", {**NEW, **said}), 400)
    assert good(agh.get("/api/bridges"))["bridges"] == []


def test_a_bridge_is_changed_enabled_disabled_and_restarted(agh: Agh):
    one = bridge(agh)
    path = f"/api/bridges/{one['id']}"
    changes = {"display_name": "Dev", "dm_policy": "OPEN", "notification_suppress": True, "unknown": 1}
    changed = good(agh.patch(path, changes))["bridge"]
    assert (changed["display_name"], changed["dm_policy"], changed["notification_suppress"]) == ("Dev", "open", True)
    refused(agh.patch(path, {}), 400)
    stopped = good(agh.post(f"{path}/disable"))
    assert (stopped["bridge"]["enabled"], stopped["bridge"]["status"]) == (False, "disabled")
    refused(agh.post(f"{path}/restart"), 409)
    assert good(agh.post(f"{path}/enable"))["bridge"]["status"] == "ready"
    assert good(agh.post(f"{path}/restart"))["bridge"]["status"] == "ready"


def test_secrets_are_bound_and_never_shown(agh: Agh):
    one = bridge(agh, secrets=None)
    assert (one["status"], one["degradation"]["reason"]) == ("auth_required", "auth_failed")
    path = f"/api/bridges/{one['id']}/secret-bindings"
    assert good(agh.get(path)) == {"bindings": []}
    said = {"secret_ref": "vault:x", "kind": "url", "secret_value": URL}
    bound = good(agh.put(f"{path}/url", said))
    assert bound["binding"]["secret_ref"] == f"vault:bridges/{one['id']}/url"
    assert bound["signing_secret"].startswith("whsec_")
    assert "signing_secret" not in good(agh.put(f"{path}/signing_secret", {"secret_value": SECRET}))
    assert [one["binding_name"] for one in good(agh.get(path))["bindings"]] == ["signing_secret", "url"]
    assert URL not in agh.get(path).text
    refused(agh.put(f"{path}/token", {"secret_value": "x"}), 400, "url and signing_secret")
    refused(agh.put(f"{path}/url", {"secret_value": " "}), 400)
    refused(agh.delete(f"{path}/signing_secret"), 400, "always signed")
    assert agh.delete(f"{path}/url").status_code == 204
    refused(agh.delete(f"{path}/url"), 404)
    assert good(agh.get(f"/api/bridges/{one['id']}"))["bridge"]["status"] == "auth_required"


def test_whom_a_bridge_leads_to_is_listed_and_resolved(agh: Agh):
    one = bridge(agh, delivery_defaults={"peer_id": "@Ada"})
    task = agh.task()
    for group in ("ops", "ops-eu"):
        subscribe(agh, task, one, peer_id=None, group_id=group)
    path = f"/api/bridges/{one['id']}"
    listed = good(agh.get(f"{path}/targets", q="OPS", limit=1))
    assert (listed["total"], listed["cache_stale"], listed["bridge_id"]) == (2, False, one["id"])
    assert [target["canonical_route"] for target in listed["targets"]] == ["group:ops"]
    found = good(agh.post(f"{path}/resolve", {"name": "ada"}))["result"]
    assert (found["match"]["canonical_route"], found["step"], found["ambiguous"]) == ("user:@Ada", 2, False)
    refused(agh.post(f"{path}/resolve", {"name": "op"}), 422, "group:ops-eu")
    refused(agh.post(f"{path}/resolve", {"name": "zoe"}), 404)
    refused(agh.post(f"{path}/resolve", {"name": " "}), 400)


def test_bridges_of_others_are_not_there(agh: Agh, stranger: Agh):
    one = bridge(agh)
    path = f"/api/bridges/{one['id']}"
    for response in (
        stranger.get(path),
        stranger.patch(path, {"display_name": "x"}),
        stranger.post(f"{path}/enable"),
        stranger.get(f"{path}/targets"),
        stranger.get(f"{path}/secret-bindings"),
        agh.get("/api/bridges/brg-1"),
    ):
        refused(response, 404)
    task = stranger.task()
    body = {"bridge_instance_id": one["id"], "delivery_mode": "reply", "scope": "global", "peer_id": "a"}
    refused(stranger.post(place(task), body), 404)


def test_reading_and_changing_need_their_scopes(agh: Agh):
    one = bridge(agh)
    reader = agh.with_scopes("task:read")
    good(reader.get("/api/bridges"))
    refused(reader.post("/api/bridges", NEW), 403)
    refused(reader.post(place(agh.task()), {"bridge_instance_id": one["id"]}), 403)


# Subscriptions


def test_a_subscription_begins_before_everything(agh: Agh):
    one, task = bridge(agh), agh.task()
    made = subscribe(agh, task, one, thread_id="7")
    assert made["subscription_id"].startswith("bts-")
    assert made["cursor"] == {
        "consumer_id": f"bridge_task_subscription:{made['subscription_id']}",
        "stream_name": "task_events",
        "subject_id": task["id"],
        "last_sequence": 0,
    }
    assert made["created_by"] == {"kind": "human", "ref": "local-user"}
    assert (made["task_id"], made["bridge_instance_id"], made["peer_id"], made["thread_id"]) == (
        task["id"], one["id"], "ada", "7",
    )  # fmt: skip
    assert good(agh.get(place(task, made["subscription_id"])))["subscription"] == made


@on_sqlite
def test_delivery_modes_have_other_names(agh: Agh):
    one, task = bridge(agh), agh.task()
    body = {"bridge_instance_id": one["id"], "scope": "global", "peer_id": "ada"}
    modes = {" Direct ": "direct-send", "direct_send": "direct-send", "SEND": "direct-send"}
    modes |= {"reply": "reply", "reply-send": "reply", "reply_send": "reply"}
    for said, meant in modes.items():
        response = agh.send("POST", place(task), {**body, "delivery_mode": said}, loose=True)
        assert good(response, 201)["subscription"]["delivery_mode"] == meant


BAD: tuple[Json, ...] = (
    {"delivery_mode": "shout"},
    {"delivery_mode": ""},
    {"scope": "planet"},
    {"scope": "workspace"},
    {"scope": "workspace", "workspace_id": "ws-" + "0" * 32},
    {"workspace_id": "ws-" + "0" * 32},
    {"peer_id": " "},
    {"peer_id": "", "thread_id": "7"},
    {"subscription_id": "not an id"},
    {"bridge_instance_id": ""},
    {"peer_id": 7},
)


@on_sqlite
def test_a_subscription_that_cannot_be_is_refused(agh: Agh):
    one, task = bridge(agh), agh.task()
    body = {"bridge_instance_id": one["id"], "delivery_mode": "reply", "scope": "global", "peer_id": "ada"}
    for said in BAD:
        refused(agh.post(place(task), body | said), 400)
    refused(agh.send("POST", place(task), content=b"", headers={"content-type": "application/json"}), 400)
    assert names(agh, task) == []


def test_what_is_not_there_cannot_be_subscribed_to(agh: Agh):
    task = agh.task()
    body = {"bridge_instance_id": "brg-" + "0" * 32, "delivery_mode": "reply", "scope": "global", "peer_id": "ada"}
    refused(agh.post(place(task), body), 404)
    refused(agh.post(place("task-" + "0" * 32), body | {"bridge_instance_id": bridge(agh)["id"]}), 404)
    refused(agh.get(place("task-" + "0" * 32)), 404)


def test_scope_and_workspace_are_the_tasks_and_the_bridges(agh: Agh):
    made = agh.stand.store.transact(workspaces.create, 1, NewWorkspace(root_dir="/w"))
    ws = shown("ws", made.id)
    task = agh.task(scope="workspace", workspace=ws)
    local = bridge(agh, scope="workspace", workspace_id=ws)
    one = subscribe(agh, task, local, scope="workspace", workspace_id=ws)
    assert (one["scope"], one["workspace_id"]) == ("workspace", ws)
    for over, said in ((bridge(agh), {"scope": "workspace", "workspace_id": ws}), (local, {})):
        body = {"bridge_instance_id": over["id"], "delivery_mode": "reply", "scope": "global", "peer_id": "a", **said}
        refused(agh.post(place(task), body), 400)
    assert names(agh, task, scope="workspace", workspace_id=ws) == [one["subscription_id"]]
    assert names(agh, task, scope="global") == []


def test_an_id_that_the_caller_chose_is_kept_and_overwritten(agh: Agh):
    one, other, task = bridge(agh), bridge(agh), agh.task()
    subscribe(agh, task, one, subscription_id=" mine ")
    agh.stand.clock.forward(seconds=1)
    subscribe(agh, task, one, subscription_id="bts-0123")
    agh.stand.clock.forward(seconds=1)
    again = subscribe(agh, task, other, subscription_id="mine", peer_id=None, group_id="ops")
    assert (again["bridge_instance_id"], again["group_id"], "peer_id" in again) == (other["id"], "ops", False)
    assert again["created_at"] < again["updated_at"]
    assert names(agh, task) == ["mine", "bts-0123"]
    assert names(agh, task, limit=1) == ["mine"]
    assert names(agh, task, bridge_instance_id=one["id"]) == ["bts-0123"]
    refused(agh.get(place(task), limit=-1), 400)


def test_under_another_task_it_is_not_there(agh: Agh, stranger: Agh):
    task, other = agh.task(), agh.task()
    made = subscribe(agh, task, bridge(agh))
    name = made["subscription_id"]
    for response in (agh.get(place(other, name)), agh.delete(place(other, name)), stranger.get(place(task, name))):
        refused(response, 404)
    assert agh.delete(place(task, name)).status_code == 204
    refused(agh.delete(place(task, name)), 404)


def test_an_agents_session_subscribes_as_itself(agh: Agh):
    session = agh.session()
    made = subscribe(agh.as_session(session), agh.task(), bridge(agh))
    assert made["created_by"] == {"kind": "agent_session", "ref": shown("sess", session.id)}


def test_the_end_of_a_task_moves_the_cursor_once_it_was_taken(agh: Agh):
    one, task = bridge(agh), agh.task()
    name = subscribe(agh, task, one)["subscription_id"]
    end(agh, task)
    assert len(deliver(agh, error="no answer")) == 1
    failed = good(agh.get(place(task, name)))["subscription"]["cursor"]
    assert (failed["last_error"], "last_delivery_id" in failed) == ("no answer", False)
    health = good(agh.get(f"/api/bridges/{one['id']}"))["health"]
    assert (health["status"], health["delivery_backlog"], health["last_error"]) == ("degraded", 1, "no answer")
    good(agh.post(f"/api/bridges/{one['id']}/restart"))
    (sent,) = deliver(agh)
    cursor = good(agh.get(place(task, name)))["subscription"]["cursor"]
    assert sent == cursor["last_delivery_id"] == f"notif:{name}:{cursor['last_sequence']}"
    assert "last_error" not in cursor
    assert cursor["last_delivered_at"] == cursor["updated_at"]
    line = next(
        one
        for one in good(agh.get(f"/api/tasks/{task['id']}/timeline"))["timeline"]
        if one["event_type"] == "task.run_completed"
    )
    assert line["sequence"] == cursor["last_sequence"]
