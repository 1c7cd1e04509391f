"""Commands for the agent in a run's sandbox, and tokens for talking to it (contract §7)."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import jwt
import msgspec
import pytest

from runyard.engine.coding import changes
from runyard.engine.coding.changes import Change
from tests.dialects.posthog.client import SOMEBODY, Posthog, good, path_of, refused
from tests.support.endpoints import Endpoint, Heard, Say
from tests.support.stand import ADMIN
from tests.support.verbs import Json

AUDIENCE = "posthog:sandbox_connection"


def opened(posthog: Posthog, url: str, **state: Any) -> Json:
    """A run whose sandbox is there."""
    operator = posthog.as_key(ADMIN)
    return operator.change(posthog.run(status="in_progress"), state={"sandbox_url": url, **state})


@pytest.fixture
def run(posthog: Posthog, endpoint: Endpoint) -> Json:
    """A run whose sandbox is the endpoint, which says yes to everything."""
    endpoint.behave = answering
    return opened(posthog, endpoint.url)


def answering(heard: Heard) -> Say:
    asked = msgspec.json.decode(heard.body)
    result = {"jsonrpc": "2.0", "id": asked.get("id"), "result": {"did": asked["method"]}}
    return Say(body=msgspec.json.encode(result), headers={"content-type": "application/json"})


def sent(endpoint: Endpoint) -> Json:
    """What the agent server was asked last."""
    found: Json = msgspec.json.decode(endpoint.heard[-1].body)
    return found


def command(method: str = "cancel", **said: Any) -> Json:
    return {"jsonrpc": "2.0", "method": method, **said}


def pem(posthog: Posthog) -> str:
    return str(posthog.stand.on_loop(posthog.stand.server.signed.public_pem))


def test_a_command_reaches_the_agent_and_its_answer_comes_back_unchanged(
    posthog: Posthog, run: Json, endpoint: Endpoint
) -> None:
    said = command("user_message", params={"content": "go on", "steer": True, "more": 1.50}, id="7")
    response = posthog.post(path_of(run, "command"), said)
    assert good(response) == {"jsonrpc": "2.0", "id": "7", "result": {"did": "user_message"}}
    (heard,) = endpoint.heard
    assert (heard.method, heard.path, heard.headers["content-type"]) == ("POST", "/command", "application/json")
    assert b'"more":1.5' in heard.body
    assert sent(endpoint) == said
    token = heard.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, pem(posthog), algorithms=["RS256"], audience=AUDIENCE)
    assert (claims["run_id"], claims["task_id"], claims["team_id"]) == (run["id"], run["task"], 1)
    assert isinstance(claims["user_id"], int)


def test_what_was_not_said_is_not_sent(posthog: Posthog, run: Json, endpoint: Endpoint) -> None:
    good(posthog.post(path_of(run, "command"), command("close", params={}, id=None)))
    assert sent(endpoint) == {"jsonrpc": "2.0", "method": "close"}
    good(posthog.post(path_of(run, "command/"), command("set_config_option", params={"configId": "a", "value": "b"})))
    assert sent(endpoint)["params"] == {"configId": "a", "value": "b"}
    answers = {"requestId": "r", "optionId": "o", "answers": {"q": "a"}}
    good(posthog.post(path_of(run, "command"), command("permission_response", params=answers, id=2)))
    assert (sent(endpoint)["params"], sent(endpoint)["id"]) == (answers, 2)


@pytest.mark.parametrize(
    ("said", "code", "attr"),
    [
        ({}, "required", "jsonrpc"),
        ({"jsonrpc": "1.0", "method": "cancel"}, "invalid_choice", "jsonrpc"),
        ({"jsonrpc": "2.0"}, "required", "method"),
        (command("refresh_session"), "invalid_choice", "method"),
        (command(params=[1]), "not_a_dict", "params"),
        (command(params=None), "null", "params"),
        (command(id=True), "invalid_input", "id"),
        (command(id=[1]), "invalid_input", "id"),
        (command("user_message"), "required", "params__content"),
        (command("user_message", params={"content": " \n"}), "blank", "params__content"),
        (command("user_message", params={"content": 1}), "invalid_input", "params__content"),
        (command("user_message", params={"content": []}), "empty", "params__content"),
        (command("user_message", params={"content": ["x"]}), "not_a_dict", "params__content__0"),
        (command("user_message", params={"artifact_ids": []}), "empty", "params__artifact_ids"),
        (command("user_message", params={"artifact_ids": [1]}), "invalid_input", "params__artifact_ids__0"),
        (command("user_message", params={"content": "x", "steer": "yes"}), "invalid_input", "params__steer"),
        (command("user_message", params={"content": "x", "messageId": ""}), "blank", "params__messageId"),
        (command("permission_response", params={"requestId": "r"}), "required", "params__optionId"),
        (
            command("permission_response", params={"requestId": "r", "optionId": "o", "answers": {"q": 1}}),
            "invalid_input",
            "params__answers__q",
        ),
        (command("set_config_option", params={"configId": "", "value": "v"}), "blank", "params__configId"),
    ],
)
def test_a_command_must_be_as_its_method_wants_it(posthog: Posthog, said: Json, code: str, attr: str) -> None:
    refused(posthog.post(path_of(posthog.run(), "command"), said), 400, code=code, attr=attr)


def test_a_run_that_is_not_there_comes_before_a_wrong_command(posthog: Posthog, stranger: Posthog) -> None:
    run = posthog.run()
    refused(posthog.post(f"tasks/{run['task']}/runs/{run['task']}/command", {}), 404, code="not_found")
    refused(stranger.post(path_of(run, "command"), {}), 404, code="not_found")
    refused(posthog.with_scopes("task:read").post(path_of(run, "command"), {}), 403, code="permission_denied")


def test_artifacts_are_named_by_id_and_sent_as_entries(posthog: Posthog, run: Json, endpoint: Endpoint) -> None:
    artifact = manifest_entry(posthog, run)
    params = {"artifact_ids": [artifact, artifact], "artifacts": [{"id": "other"}]}
    good(posthog.post(path_of(run, "command"), command("user_message", params=params)))
    other, entry = sent(endpoint)["params"]["artifacts"]
    assert other == {"id": "other"}
    assert entry == posthog.see(run)["artifacts"][0]
    assert (entry["id"], entry["name"], entry["type"]) == (artifact, "notes.md", "context")
    assert "artifact_ids" not in sent(endpoint)["params"]
    wanted = command("user_message", params={"content": "look", "artifact_ids": ["x" * 32, artifact, "y"]})
    refusal = refused(posthog.post(path_of(run, "command"), wanted), 400)
    assert refusal["missing_artifact_ids"] == ["x" * 32, "y"]
    assert len(endpoint.heard) == 1


@pytest.mark.parametrize(
    ("say", "status", "text"),
    [
        (Say(status=400, body=b'{"error":"No active session for this run"}'), 502, "No active session for this run"),
        (Say(status=401, body=b'{"error":"expired"}'), 502, "expired"),
        (Say(status=403, body=b'{"error":{"message":"not here"}}'), 502, "not here"),
        (Say(status=500, body=b"<html>"), 502, "status 500"),
        (Say(status=302, headers={"location": "http://127.0.0.1:1/"}), 502, "status 302"),
        (Say(status=200, body=b"<html>"), 502, "not JSON"),
        (Say(status=200, body=b'["' + b"x" * (8 << 20) + b'"]'), 502, "longer than 8388608 bytes"),
        (Say(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", then_close=True), 502, "closed"),
        (Say(raw=b"SSH-2.0\r\n", then_close=True), 502, "not HTTP"),
        (Say(after=30), 504, "within 0.3 seconds"),
    ],
)
def test_what_goes_wrong_with_the_agent_server_is_told_apart(
    posthog: Posthog, run: Json, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, say: Say, status: int, text: str
) -> None:
    monkeypatch.setattr(posthog.stand.server.relay, "seconds", 0.3 if say.after else 20)
    endpoint.behave = lambda heard: say
    assert text in refused(posthog.post(path_of(run, "command"), command()), status)["error"]


def test_an_error_of_json_rpc_is_an_answer(posthog: Posthog, run: Json, endpoint: Endpoint) -> None:
    body = b'{"jsonrpc": "2.0", "error": {"code": -32602, "message": "no", "data": 1.50}}'
    endpoint.behave = lambda heard: Say(body=body)
    response = posthog.post(path_of(run, "command"), command())
    assert (response.status_code, response.content) == (200, body)
    assert response.headers["content-type"].startswith("application/json")


def test_commands_go_only_where_sandboxes_may_be(posthog: Posthog) -> None:
    assert "no sandbox" in refused(posthog.post(path_of(posthog.run(), "command"), command()), 400)["error"]
    run = posthog.run()
    for url in (
        "https://example.com",
        "http://10.0.0.1:3001",
        "https://127.0.0.1",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "ftp://localhost",
        "http://127.0.0.1:1?to=x",
        "http://[::1",
        "nonsense",
        " ",
    ):
        # What is no URL at all cannot be said through the door.
        wanted = Change(shared={"sandbox_url": url}, trusted=True)
        posthog.stand.store.transact(changes.change, 1, run["task"], run["id"], wanted, SOMEBODY)
        assert "sandbox" in refused(posthog.post(path_of(run, "command"), command()), 400)["error"], url
    gone = opened(posthog, "http://127.0.0.1:1")
    assert "cannot be reached" in refused(posthog.post(path_of(gone, "command"), command()), 502)["error"]


def test_the_connect_token_of_a_sandbox_travels_to_it_and_nowhere_else(posthog: Posthog, endpoint: Endpoint) -> None:
    endpoint.behave = answering
    run = opened(posthog, f"{endpoint.url}sandbox/", sandbox_connect_token="a b&c=d")
    good(posthog.post(path_of(run, "command"), command()))
    assert endpoint.heard[-1].path == "/sandbox/command?_modal_connect_token=a%20b%26c%3Dd"
    endpoint.behave = lambda heard: Say(status=500)
    assert "a%20b" not in posthog.post(path_of(run, "command"), command()).text


def test_a_delivered_message_is_awaited_no_more(posthog: Posthog, endpoint: Endpoint) -> None:
    awaited = {"await_user_message": True, "pending_user_message": "a", "pending_user_message_id": "1", "other": 1}
    run = opened(posthog, endpoint.url, **awaited)
    message = command("user_message", params={"content": "x"})

    def state() -> Json:
        found: Json = posthog.see(run)["state"]
        return {name: value for name, value in found.items() if name in awaited}

    endpoint.behave = lambda heard: Say(body=b'{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"}}')
    good(posthog.post(path_of(run, "command"), message))
    endpoint.behave = answering
    good(posthog.post(path_of(run, "command"), command()))
    assert state() == awaited

    def meanwhile(heard: Heard) -> Say:
        # Another message comes while this one is being worked on.
        posthog.change(run, state={"pending_user_message": "b"})
        return answering(heard)

    async def other_thread(heard: Heard) -> Say:
        return await asyncio.to_thread(meanwhile, heard)

    endpoint.behave = other_thread
    good(posthog.post(path_of(run, "command"), message))
    assert state() == {"pending_user_message": "b", "other": 1}


def test_a_client_that_hangs_up_takes_its_command_back(posthog: Posthog, run: Json, endpoint: Endpoint) -> None:
    never = threading.Event()

    async def hanging(heard: Heard) -> Say:
        await asyncio.to_thread(never.wait, 20)
        return Say()

    endpoint.behave = hanging
    path = f"/posthog/api/projects/1/{path_of(run, 'command')}"
    request = posthog.stand.http.build_request(
        "POST", path, json=command(), headers={"authorization": f"Bearer {posthog.key}"}
    )
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items()), "", ""]
    with socket.create_connection(("127.0.0.1", request.url.port or 0)) as client:
        client.sendall("\r\n".join(head).encode() + request.content)
        endpoint.until(lambda: endpoint.heard)
        assert posthog.stand.server.relay.under_way == 1
    posthog.stand.until(lambda: posthog.stand.server.relay.under_way == 0)
    assert not never.is_set()
    never.set()


def test_no_more_messages_wait_than_there_is_room_for_and_a_cancel_gets_through(
    posthog: Posthog, run: Json, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posthog.stand.server.relay, "turns", 0)
    message = command("user_message", params={"content": "x"})
    assert "under way" in refused(posthog.post(path_of(run, "command"), message), 503)["error"]
    good(posthog.post(path_of(run, "command"), command("cancel")))


def test_a_connection_token_is_for_the_run_and_whoever_asks(posthog: Posthog) -> None:
    run = posthog.run(mode="interactive")
    reader = posthog.with_scopes("task:read")
    token = good(reader.get(path_of(run, "connection_token")))["token"]
    claims = jwt.decode(token, pem(posthog), algorithms=["RS256"], audience=AUDIENCE)
    assert (claims["run_id"], claims["task_id"], claims["team_id"]) == (run["id"], run["task"], 1)
    assert claims["mode"] == "interactive"
    again = good(reader.get(path_of(run, "connection_token/")))["token"]
    other = good(posthog.get(path_of(run, "connection_token")))["token"]
    said = [jwt.decode(one, options={"verify_signature": False})["distinct_id"] for one in (token, again, other)]
    assert said[0] == said[1] != said[2]
    refused(posthog.get(f"tasks/{run['task']}/runs/{run['task']}/connection_token"), 404, code="not_found")
    refused(posthog.as_key(None).get(path_of(run, "connection_token")), 401, code="not_authenticated")


def test_an_agent_gets_no_token_for_another_runs_sandbox(posthog: Posthog) -> None:
    task = posthog.task()
    run, other = posthog.run(task), posthog.run(task)
    agent = posthog.as_key(posthog.stand.server.sandbox_tokens.make(1, task, run["id"], seconds=60))
    good(agent.get(path_of(run, "connection_token")))
    good(agent.get(path_of(other)))
    refused(agent.get(path_of(other, "connection_token")), 403, code="permission_denied")


def manifest_entry(posthog: Posthog, run: Json) -> str:
    """The id of a new artifact of the run, as clients know it."""
    file = {"name": "notes.md", "type": "context", "content": "notes"}
    made = good(posthog.post(path_of(run, "artifacts"), {"artifacts": [file]}))
    return str(made["artifacts"][-1]["id"])
