"""Outgoing webhooks on `/v1` (contract §7): the conventions of the surface, over the engine's operations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runyard.domain.webhooks import Event, key_of
from runyard.engine import tries
from runyard.engine.tries import Pace, Tried
from runyard.storage.statements.webhooks import Try
from tests.dialects.bamboosnow.client import Snow, good, ids, refused
from tests.support.hooks import NEWER, SECRET
from tests.support.verbs import Json

HOOK = {"url": "https://example.com/hook", "events": ["agent.completed", "agent.failed"]}
NOBODY = "hook_" + "0" * 32


def make(snow: Snow, **more: Any) -> Json:
    made: Json = good(snow.post("/v1/webhooks", {**HOOK, **more}), 201)
    return made


def taken(snow: Snow) -> list[Json]:
    """The messages on their way."""
    found = snow.stand.store.transact(tries.take, 100, Pace()).deliveries
    return [json.loads(one.body) for one in found]


def test_a_webhook_is_made_with_a_secret_that_is_shown_once(snow: Snow) -> None:
    made = make(snow)
    assert made["id"].startswith("hook_")
    assert len(key_of(made["secret"])) == 32
    assert (made["events"], made["enabled"], made["description"]) == (HOOK["events"], True, "")
    seen = good(snow.get(f"/v1/webhooks/{made['id']}"))
    assert seen == {name: value for name, value in made.items() if name != "secret"}
    rows = snow.stand.store.look(lambda tx: tx.rows("SELECT secret FROM webhooks"))
    assert made["secret"] not in rows[0][0]


def test_a_secret_may_be_given(snow: Snow) -> None:
    assert make(snow, secret=SECRET)["secret"] == SECRET
    refused(snow.post("/v1/webhooks", {**HOOK, "secret": "mine"}), 400, "whsec_", "Base64")


def test_webhooks_are_listed_by_page_newest_first(snow: Snow, stranger: Snow) -> None:
    made = [make(snow) for _ in range(3)][::-1]
    assert good(stranger.get("/v1/webhooks")) == {"data": [], "meta": {"total": 0, "page": 1, "per_page": 20}}
    page = good(snow.get("/v1/webhooks", page=2, per_page=2))
    assert (ids(page["data"]), page["meta"]) == (ids(made)[2:], {"total": 3, "page": 2, "per_page": 2})
    assert good(snow.get("/v1/webhooks", page=3, per_page=2))["data"] == []
    refused(snow.get("/v1/webhooks", page="x"), 400, "page")


def test_only_what_is_named_changes(snow: Snow) -> None:
    made = make(snow)
    changed = good(snow.patch(f"/v1/webhooks/{made['id']}", {"enabled": False, "events": ["*"]}))
    assert (changed["enabled"], changed["events"], changed["url"]) == (False, ["*"], HOOK["url"])
    assert "secret" not in good(snow.patch(f"/v1/webhooks/{made['id']}", {"secret": NEWER}))


def test_a_deleted_webhook_is_not_found(snow: Snow) -> None:
    made = make(snow)
    assert snow.delete(f"/v1/webhooks/{made['id']}").status_code == 204
    refused(snow.get(f"/v1/webhooks/{made['id']}"), 404)
    refused(snow.delete(f"/v1/webhooks/{made['id']}"), 404)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"events": ["*"]}, "url"),
        ({"url": HOOK["url"]}, "events"),
        ({**HOOK, "events": []}, "agent.started"),
        ({**HOOK, "events": ["run.exploded"]}, Event.RUN_DEAD_LETTERED),
        ({**HOOK, "events": "*"}, "array"),
        ({**HOOK, "url": "http://localhost/"}, "private"),
        ({**HOOK, "url": "http://169.254.169.254/latest"}, "private"),
        ({**HOOK, "url": "https://example.com:22/"}, "port"),
        ({**HOOK, "url": "https://example.com/" + "x" * 2048}, "2048"),
        ({**HOOK, "url": "example.com"}, "https://"),
        ({**HOOK, "description": "\0"}, "U+0000"),
    ],
)
def test_what_makes_no_sense_is_refused(snow: Snow, body: Json, word: str) -> None:
    refused(snow.post("/v1/webhooks", body), 400, word)
    if body.keys() >= HOOK.keys():
        refused(snow.patch(f"/v1/webhooks/{make(snow)['id']}", body), 400, word)


def test_a_project_has_fifty_webhooks_at_most(snow: Snow) -> None:
    for _ in range(50):
        make(snow)
    refused(snow.post("/v1/webhooks", HOOK), 409, "50")
    assert good(snow.get("/v1/webhooks", per_page=100))["meta"]["total"] == 50


@pytest.mark.parametrize("wrong", [NOBODY, "hook_1", "run_" + "0" * 32, "0" * 32, "hook_" + "0" * 33, "%00"])
def test_an_id_that_is_none_is_not_found(snow: Snow, wrong: str) -> None:
    for method, path in (
        ("GET", f"/v1/webhooks/{wrong}"),
        ("PATCH", f"/v1/webhooks/{wrong}"),
        ("DELETE", f"/v1/webhooks/{wrong}"),
        ("POST", f"/v1/webhooks/{wrong}/test"),
        ("GET", f"/v1/webhooks/{wrong}/deliveries"),
        ("POST", f"/v1/webhooks/{wrong}/deliveries/delivery_{'0' * 32}/redeliver"),
    ):
        refused(snow.send(method, path, {}) if method == "PATCH" else snow.send(method, path), 404)
    made = make(snow)
    for delivery in (f"delivery_{'0' * 32}", "delivery_1", made["id"]):
        refused(snow.post(f"/v1/webhooks/{made['id']}/deliveries/{delivery}/redeliver"), 404)


def test_another_projects_webhook_is_not_found(snow: Snow, stranger: Snow) -> None:
    path = f"/v1/webhooks/{make(snow)['id']}"
    sent = good(snow.post(f"{path}/test"), 202)
    for method, below in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("GET", "/deliveries"),
        ("POST", f"/deliveries/{sent['id']}/redeliver"),
    ):
        refused(stranger.send(method, path + below), 404)


def test_readers_look_and_admins_manage(snow: Snow) -> None:
    path = f"/v1/webhooks/{make(snow)['id']}"
    reader = snow.with_scopes("read")
    good(reader.get("/v1/webhooks"))
    good(reader.get(path))
    good(reader.get(f"{path}/deliveries"))
    writer = snow.with_scopes("read", "write", "agents:run", "agents:configure", "repositories:manage")
    refused(writer.post("/v1/webhooks", HOOK), 403, "admin")
    refused(writer.patch(path, {}), 403, "admin")
    refused(writer.delete(path), 403, "admin")
    refused(writer.post(f"{path}/test"), 403, "admin")
    refused(writer.post(f"{path}/deliveries/delivery_{'0' * 32}/redeliver"), 403, "admin")
    good(snow.with_scopes("admin").post(f"{path}/test"), 202)


def test_a_run_of_an_agent_is_told_with_the_ids_of_this_surface(snow: Snow) -> None:
    make(snow, events=["*"])
    agent = snow.agent("Reviewer")
    run = snow.succeeded(agent, {"pull_request": {"number": 7}})
    told = {one["type"]: one["data"] for one in taken(snow)}
    assert set(told) == {"agent.started", "agent.completed", "run.completed"}
    data = told["agent.completed"]
    assert (data["run_id"], data["agent_id"], data["agent_name"]) == (run["id"], agent["id"], "Reviewer")
    assert data["pull_request"]["number"] == 7
    assert snow.see(data["run_id"])["duration_ms"] == data["duration_ms"]


def test_the_log_tells_of_every_try_and_messages_are_sent_again(snow: Snow) -> None:
    made = make(snow)
    path = f"/v1/webhooks/{made['id']}"
    sent = good(snow.post(f"{path}/test"), 202)
    assert (sent["status"], sent["event"], sent["attempts"]) == ("pending", "webhook.test", [])
    (one,) = snow.stand.store.transact(tries.take, 10, Pace()).deliveries
    result = Try(
        delivery_id=one.id, number=1, at=snow.stand.clock.now(), status=410, duration_ms=12, error="answered badly"
    )
    refusal = Tried(webhook_id=one.webhook_id or "", result=result, again=False)
    snow.stand.store.transact(tries.settle, [refusal])
    (entry,) = good(snow.get(f"{path}/deliveries"))["data"]
    assert (entry["id"], entry["status"], entry["error"]) == (sent["id"], "failure", "answered badly")
    assert entry["next_attempt_at"] is None
    (attempt,) = entry["attempts"]
    assert (attempt["number"], attempt["status_code"], attempt["duration_ms"]) == (1, 410, 12)
    again = good(snow.post(f"{path}/deliveries/{sent['id']}/redeliver"), 202)
    assert again["id"] != sent["id"]
    assert again["event_id"] == sent["event_id"]
    page = good(snow.get(f"{path}/deliveries", per_page=1))
    assert (ids(page["data"]), page["meta"]["total"]) == ([again["id"]], 2)
    assert ids(good(snow.get(f"{path}/deliveries", per_page=1, page=2))["data"]) == [sent["id"]]
    good(snow.patch(path, {"enabled": False}))
    refused(snow.post(f"{path}/deliveries/{sent['id']}/redeliver"), 409, "enable")
    refused(snow.post(f"{path}/test"), 409, "enable")


def test_the_same_test_under_one_key_is_sent_once(snow: Snow) -> None:
    path = f"/v1/webhooks/{make(snow)['id']}"
    once = snow.saying(idempotency_key="once")
    assert good(once.post(f"{path}/test"), 202)["id"] == good(once.post(f"{path}/test"), 202)["id"]
    assert good(snow.get(f"{path}/deliveries"))["meta"]["total"] == 1
