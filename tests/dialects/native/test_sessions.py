"""Sessions and channels over the native API."""

from __future__ import annotations

import threading

from tests.dialects.native.session_recipes import talking
from tests.support.api import Api, good, refused
from tests.support.stand import Stand
from tests.support.verbs import Json
from tests.support.yard import Yard


def begin(api: Api, **said: object) -> Json:
    made: Json = good(api.post("/sessions", {"agent": "coder", **said}), 201)
    return made


def test_prompts_are_taken_up_once_and_in_order(api: Api):
    session = begin(api)
    path = f"/sessions/{session['id']}/prompts"
    first, second, third = (good(api.post(path, {"text": text}), 201) for text in ("one", "two", "three"))
    assert good(api.post(f"{path}/{second['id']}/cancel"))["state"] == "canceled"
    assert [one["text"] for one in good(api.post(f"{path}/take", {"limit": 1}))["prompts"]] == ["one"]
    assert [one["text"] for one in good(api.post(f"{path}/take"))["prompts"]] == ["three"]
    assert good(api.post(f"{path}/take"))["prompts"] == []
    refused(api.post(f"{path}/{first['id']}/cancel"), 409, "conflict")
    assert [one["state"] for one in good(api.get(path))["data"]] == ["taken", "canceled", "taken"]
    assert good(api.get(f"/sessions/{session['id']}"))["prompts"] == 0
    assert third["state"] == "queued"


def test_a_session_that_waits_is_woken_by_what_is_said_to_it(api: Api):
    session = begin(api)
    path = f"/sessions/{session['id']}/prompts"
    found: list[Json] = []

    def take() -> None:
        found.extend(good(api.post(f"{path}/take", {"wait_seconds": 30}))["prompts"])

    waiting = threading.Thread(target=take)
    waiting.start()
    good(api.post(path, {"text": "hello"}), 201)
    waiting.join(30)
    assert [one["text"] for one in found] == ["hello"]


def test_a_session_that_was_asked_to_stop_takes_nothing_more(api: Api):
    session = begin(api)
    path = f"/sessions/{session['id']}"
    assert good(api.post(f"{path}/stop", {"grace_seconds": 60}))["state"] == "stopping"
    refused(api.post(f"{path}/prompts", {"text": "hello"}), 409, "conflict")
    refused(api.post(f"{path}/spawn", {"agent": "helper", "role": "worker", "ttl_seconds": 60}), 409, "conflict")
    refused(api.post(f"{path}/messages", {"kind": "status", "channel": "lobby"}), 409, "conflict")
    stopped = good(api.post(f"{path}/stop"))
    assert (stopped["state"], stopped["stop_reason"], stopped["expires_at"]) == ("stopped", "stopped", None)
    assert [one["type"] for one in good(api.get(f"{path}/events"))["data"]] == [
        "session_started",
        "session_stopping",
        "session_stopped",
    ]
    assert good(api.get("/sessions", live=True))["data"] == []
    assert [one["id"] for one in good(api.get("/sessions", state="stopped"))["data"]] == [session["id"]]


def test_a_situation_holds_the_work_and_what_was_said(stand: Stand, api: Api):
    session, message = talking(stand)
    found = good(api.get(f"/sessions/{session.id}/situation"))
    assert (found["work"], found["unread"][0]["id"]) == (None, message.id)
    assert (found["unread"][0]["body"], found["unread"][0]["metadata"]) == ("which one?", {"about": 1})
    assert [one["id"] for one in found["peers"]] == [message.sender]
    yard = Yard(stand.store, stand.clock)
    task, worker = yard.task(), yard.session()
    row = yard.queue(task)
    assert yard.claim_next(worker) is not None
    found = good(api.get(f"/sessions/{worker.id}/situation"))
    assert (found["work"]["task"]["id"], found["work"]["run"]["id"]) == (task.id, row.run_id)
    assert good(api.get(f"/sessions/{worker.id}"))["run_id"] == row.run_id


def test_messages_are_said_in_a_channel_or_answer_one(stand: Stand, api: Api):
    session, message = talking(stand)
    path = f"/sessions/{session.id}/messages"
    refused(api.post(path, {"kind": "status"}), 400, "invalid")
    refused(api.post(path, {"kind": "reply", "channel": "lobby", "reply_to": message.id}), 400, "invalid")
    refused(api.post(path, {"kind": "status", "channel": "elsewhere"}), 403, "forbidden")
    refused(api.post(path, {"kind": "status", "channel": message.channel, "body": "a" * 70_000}), 413, "too_large")
    answer = good(api.post(path, {"kind": "reply", "reply_to": message.id, "body": [1]}), 201)
    assert (answer["recipient_id"], answer["channel"], answer["number"]) == (message.sender, message.channel, 2)
    heard = {"channel": message.channel}
    assert [one["number"] for one in good(api.post(f"{path}/receive", heard))["messages"]] == [1]
    assert good(api.post(f"{path}/receive", heard))["messages"] == []
    again = good(api.post(f"/sessions/{message.sender}/messages/receive", heard | {"after": 0}))["messages"]
    assert [one["body"] for one in again] == [[1]]
    assert [one["number"] for one in good(api.get(f"/channels/{message.channel}/messages"))["data"]] == [1, 2]
