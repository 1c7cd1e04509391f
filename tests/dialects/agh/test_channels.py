"""Channels over HTTP (contract §7, §28)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.dialects.agh.client import Agh, good, refused
from tests.support.verbs import Json


@pytest.fixture
def shop(agh: Agh) -> Json:
    found: Json = good(agh.post("/api/workspaces", {"root_dir": "/src/shop"}), 201)["workspace"]
    return found


@pytest.fixture
def two(agh: Agh, shop: Json) -> tuple[Agh, Agh]:
    """Two sessions of one workspace."""
    return of(agh, "coder"), of(agh, "tester")


def of(agh: Agh, agent: str, *, workspace: str | None = "shop", **said: Any) -> Agh:
    body = {"agent_name": agent, **({"workspace": workspace} if workspace else {}), **said}
    session = good(agh.post("/api/sessions", body), 201)["session"]
    return agh.saying(x_agh_session_id=session["id"], x_agh_agent=agent)


def about(kind: str = "status", **said: Any) -> Json:
    return {"task_id": "task-x", "run_id": "run-" + "a" * 32, "correlation_id": "c1", "message_kind": kind, **said}


def taken(agh: Agh, mine: Agh) -> Json:
    """A run of the workspace that the session has."""
    task = good(agh.post("/api/tasks", {"scope": "workspace", "workspace": "shop", "title": "a task"}), 201)["task"]
    agh.start(task)
    claim = mine.claim()
    assert claim is not None
    return claim


def send(mine: Agh, channel: str, body: Any = "hello", **said: Any) -> Json:
    asked = {"body": body, "metadata": said.pop("metadata", about()), **said}
    found: Json = good(mine.post(f"/api/agent/channels/{channel}/send", asked), 202)["message"]
    return found


def received(mine: Agh, channel: str, **said: Any) -> list[Json]:
    found: list[Json] = good(mine.get(f"/api/agent/channels/{channel}/recv", **said))["messages"]
    return found


def test_those_who_work_on_a_run_talk_in_its_channel(agh: Agh, two: tuple[Agh, Agh]):
    mine, other = two
    claim = taken(agh, mine)
    channel = claim["coordination_channel"]["id"]
    (seen,) = good(other.get("/api/agent/channels"))["channels"]
    assert (seen["id"], seen["run_id"], "last_activity_at" in seen) == (channel, claim["run"]["id"], False)
    assert len(seen["allowed_message_kinds"]) == 7
    said = send(mine, channel, {"text": "half done"}, metadata=about(run_id=claim["run"]["id"], ext={"x": 1}))
    assert (said["metadata"]["channel_id"], said["metadata"]["ext"]) == (channel, {"x": 1})
    assert received(mine, channel) == []
    assert received(other, channel) == [said]
    assert received(other, channel) == []
    (seen,) = good(mine.get("/api/agent/channels"))["channels"]
    assert seen["last_activity_at"] == said["timestamp"]


def test_an_answer_is_for_who_asked(agh: Agh, two: tuple[Agh, Agh]):
    mine, other = two
    third = of(agh, "reader")
    channel = taken(agh, mine)["coordination_channel"]["id"]
    question = send(mine, channel, "which one?", metadata=about("request"))
    received(third, channel)
    answer = good(
        other.post("/api/agent/channels/reply", {"reply_to_message_id": question["message_id"], "body": "this"}), 202
    )["message"]
    assert answer["to_session_id"] == question["from_session_id"]
    assert answer["metadata"] == question["metadata"] | {"message_kind": "reply"}
    assert received(mine, channel) == [answer]
    assert received(third, channel) == []
    body = {"reply_to_message_id": answer["message_id"], "body": "no"}
    refused(third.post("/api/agent/channels/reply", body), 404, "no message")
    body = {"reply_to_message_id": question["message_id"], "body": "no", "metadata": about("status")}
    refused(other.post("/api/agent/channels/reply", body), 422, "reply")


def test_what_is_sent_again_under_its_key_is_said_once(agh: Agh, two: tuple[Agh, Agh]):
    mine, other = two
    channel = taken(agh, mine)["coordination_channel"]["id"]
    first = send(mine, channel, idempotency_key="k")
    assert send(mine, channel, idempotency_key="k") == first
    assert send(other, channel, idempotency_key="k")["message_id"] != first["message_id"]
    assert [one["message_id"] for one in received(other, channel)] == [first["message_id"]]


def test_messages_are_read_from_one_on(agh: Agh, two: tuple[Agh, Agh]):
    mine, other = two
    channel = taken(agh, mine)["coordination_channel"]["id"]
    said = [send(mine, channel, number) for number in range(3)]
    assert [one["body"] for one in received(other, channel, limit=2)] == [0, 1]
    assert [one["body"] for one in received(other, channel, limit=2)] == [2]
    assert [one["body"] for one in received(other, channel, after=said[0]["message_id"])] == [1, 2]
    assert received(other, channel) == []
    inbox = good(of(agh, "late").get("/api/agent/context"))["context"]["inbox_summary"]
    assert (inbox["unread_count"], inbox["section"]["truncated"], inbox["items"][0]["preview"]) == (3, False, "0")


def test_waiting_ends_with_the_first_message(agh: Agh, two: tuple[Agh, Agh]):
    mine, other = two
    channel = taken(agh, mine)["coordination_channel"]["id"]
    found: list[Json] = []
    waiting = threading.Thread(target=lambda: found.extend(received(other, channel, wait="true")))
    began = time.monotonic()
    waiting.start()
    said = send(mine, channel)
    waiting.join(30)
    assert found == [said]
    assert time.monotonic() - began < 20


def test_sessions_of_other_workspaces_hear_nothing(agh: Agh, two: tuple[Agh, Agh], stranger: Agh):
    mine, _ = two
    channel = taken(agh, mine)["coordination_channel"]["id"]
    send(mine, channel)
    for other in (of(agh, "loner", workspace=None), of(stranger, "stranger", workspace=None)):
        assert good(other.get("/api/agent/channels"))["channels"] == []
        refused(other.get(f"/api/agent/channels/{channel}/recv"), 403, "no channel")
        refused(
            other.post(f"/api/agent/channels/{channel}/send", {"body": "hi", "metadata": about()}), 403, "no channel"
        )


def test_a_session_of_no_workspace_talks_in_its_own_channel(agh: Agh):
    one, other = (of(agh, agent, workspace=None, channel="lobby") for agent in ("one", "other"))
    said = send(one, "lobby")
    assert received(other, "lobby") == [said]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"body": 1}, 422),
        ({"body": 1, "metadata": about("gossip")}, 422),
        ({"body": 1, "metadata": about(run_id="nothing")}, 422),
        ({"body": 1, "metadata": about(correlation_id=" ")}, 422),
        ({"body": 1, "metadata": about(channel_id="elsewhere")}, 422),
        ({"body": {"deep": [{"Claim_Token": "x"}]}, "metadata": about()}, 422),
        ({"body": "agh_claim_abc", "metadata": about()}, 422),
        ({"body": 1, "metadata": about(ext={"claim_token": 1})}, 422),
        ({"body": "a" * 70_000, "metadata": about()}, 413),
        ({"body": 1, "metadata": 7}, 400),
    ],
)
def test_what_cannot_be_said_is_refused(agh: Agh, body, status):
    mine = of(agh, "one", workspace=None, channel="lobby")
    refused(mine.post("/api/agent/channels/lobby/send", body), status)
    refused(mine.get("/api/agent/channels/Not%20One/recv"), 422)
    refused(mine.get("/api/agent/channels/lobby/recv", limit=-1), 400)
    refused(mine.get("/api/agent/channels/lobby/recv", after="msg-1"), 404)
    refused(agh.get("/api/agent/channels/lobby/recv"), 401, code="identity_required")
