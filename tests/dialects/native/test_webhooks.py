"""Webhooks over the native API: secrets, lists by cursor, the log with its messages."""

from __future__ import annotations

import json
from typing import Any

from runyard.engine import tries
from runyard.engine.tries import Pace
from tests.support.api import Api, good, ids, refused
from tests.support.hooks import NEWER, SECRET
from tests.support.stand import Stand
from tests.support.verbs import Json

HOOK = {"url": "https://example.com/hook", "events": ["run.completed"]}


def make(api: Api, **more: Any) -> Json:
    made: Json = good(api.post("/webhooks", {**HOOK, **more}), 201)
    return made


def test_secrets_are_shown_when_they_are_made_and_never_again(stand: Stand, api: Api) -> None:
    made = make(api, secret=SECRET)
    path = f"/webhooks/{made['id']}"
    assert made["secret"] == SECRET
    given = good(api.post(f"{path}/rotate", {"secret": NEWER, "grace_seconds": 60}))
    assert given["secret"] == NEWER
    assert given["old_secret_until"] is not None
    fresh = good(api.post(f"{path}/rotate"))
    assert fresh["secret"] not in {SECRET, NEWER}
    assert "secret" not in good(api.get(path))
    assert all("secret" not in one for one in good(api.get("/webhooks"))["data"])
    events = json.dumps(good(api.get("/events"))["data"])
    assert all(secret.removeprefix("whsec_") not in events for secret in (SECRET, NEWER, fresh["secret"]))


def test_webhooks_and_their_logs_are_listed_by_cursor(api: Api) -> None:
    made = [make(api) for _ in range(3)][::-1]
    assert [ids(page) for page in api.pages("/webhooks", limit=2)] == [ids(made)[:2], ids(made)[2:]]
    path = f"/webhooks/{made[0]['id']}"
    sent = [good(api.post(f"{path}/test"), 202)["id"] for _ in range(3)][::-1]
    assert [ids(page) for page in api.pages(f"{path}/deliveries", limit=2)] == [sent[:2], sent[2:]]


def test_a_message_can_be_read_as_it_is_sent(stand: Stand, api: Api) -> None:
    path = f"/webhooks/{make(api)['id']}"
    run = api.done()
    (entry,) = good(api.get(f"{path}/deliveries"))["data"]
    assert (entry["event"], entry["run_id"], entry["state"], entry["tries"]) == (
        "run.completed",
        run["id"],
        "waiting",
        [],
    )
    assert "message" not in entry
    full = good(api.get(f"{path}/deliveries/{entry['id']}"))
    (sent,) = stand.store.transact(tries.take, 10, Pace()).deliveries
    assert full["message"] == json.loads(sent.body)
    assert full["message"]["id"] == entry["event_id"]


def test_a_delivery_of_another_webhook_is_not_found(api: Api) -> None:
    one, other = make(api), make(api)
    sent = good(api.post(f"/webhooks/{one['id']}/test"), 202)["id"]
    refused(api.get(f"/webhooks/{other['id']}/deliveries/{sent}"), 404)
    refused(api.post(f"/webhooks/{other['id']}/deliveries/{sent}/redeliver"), 404)


def test_private_addresses_and_unknown_events_are_refused_at_once(api: Api) -> None:
    assert "private" in refused(api.post("/webhooks", {**HOOK, "url": "http://10.0.0.1/"}), 400)["detail"]
    assert "run.dead_lettered" in refused(api.post("/webhooks", {**HOOK, "events": ["x"]}), 400)["detail"]
    path = f"/webhooks/{make(api)['id']}"
    assert "private" in refused(api.patch(path, {"url": "http://[::1]/"}), 400)["detail"]


def test_nobody_in_another_project_hears_of_runs(stand: Stand, api: Api) -> None:
    other = stand.key(project=stand.project("other"))
    make(other, events=["*"])
    api.done()
    assert stand.store.transact(tries.take, 10, Pace()).deliveries == []
    other.done()
    assert len(stand.store.transact(tries.take, 10, Pace()).deliveries) == 1
