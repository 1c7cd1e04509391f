"""Whole exchanges with the agents of coding runs, over the native API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import jwt
import msgspec
import pytest

from runyard.agent_server.launch import Launch
from runyard.agent_server.presets import ECHO
from tests.support.api import Api, good, refused
from tests.support.endpoints import Endpoint, Heard, Say
from tests.support.sandboxed import Sandbox
from tests.support.stand import Stand
from tests.support.verbs import Json

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
SECOND = 1_000_000


def made(api: Api, **shared: Any) -> Json:
    """A new coding run that waits for somebody to say something."""
    task = good(api.post("/coding-tasks", {"title": "fix it"}), 201)["id"]
    said = {"sandboxed": False, "shared": {"mode": "interactive", **shared}}
    run: Json = good(api.post(f"/coding-tasks/{task}/runs", said), 201)
    return run


def path_of(run: Json, below: str) -> str:
    return f"/coding-runs/{run['run_id']}/{below}"


def placed(stand: Stand, run: Json, url: str, **shared: Any) -> None:
    """Say where the run's sandbox is."""
    good(stand.admin.patch(f"/coding-runs/{run['run_id']}", {"shared": {"sandbox_url": url, **shared}}))


@pytest.fixture
def run(stand: Stand, api: Api, tmp_path: Path) -> Iterator[Json]:
    """A run at which our own agent server works."""
    new = made(api)
    launch = Launch(
        task_id=new["task_id"],
        run_id=new["run_id"],
        project=1,
        api_url=f"{stand.url}/posthog",
        api_key=api.key or "",
        public_key=stand.on_loop(stand.server.signed.public_pem),
        folder=tmp_path,
        permissions="allow",
        command=ECHO,
        environment={"PATH": "/usr/bin"},
    )
    sandbox = Sandbox(launch)
    placed(stand, new, sandbox.url)

    def booted() -> bool:
        return bool(httpx2.get(f"{sandbox.url}/health").json()["readiness"] == "ready")

    stand.until(booted)
    yield new
    sandbox.close()


def test_an_agent_answers_hears_a_message_once_and_is_interrupted(stand: Stand, api: Api, run: Json) -> None:
    speaker = stand.key("runs:write")
    once = {"text": "please answer: good day", "message_id": "once"}
    answer = good(speaker.post(path_of(run, "messages"), once))
    assert answer == {"stop_reason": "end_turn", "message": "good day", "error": None}
    again = good(speaker.post(path_of(run, "messages"), once))
    assert (again["stop_reason"], again["message"]) == ("duplicate_delivery", None)
    failed = good(speaker.post(path_of(run, "messages"), {"text": "please fail"}))
    assert failed["stop_reason"] == "error_recoverable"
    assert "asked to fail" in failed["error"]

    said: list[Json] = []
    waiting = {"text": "please wait"}
    turn = threading.Thread(target=lambda: said.append(good(speaker.post(path_of(run, "messages"), waiting))))
    turn.start()
    stand.until(lambda: "please wait" in api.get(f"/runs/{run['run_id']}/logs").text)
    good(speaker.post(path_of(run, "interrupt")), 204)
    turn.join()
    assert said[0]["stop_reason"] == "cancelled"
    good(speaker.post(path_of(run, "interrupt")), 204)


def test_files_come_with_a_message_and_what_awaited_it_is_taken_away(
    stand: Stand, api: Api, endpoint: Endpoint
) -> None:
    endpoint.behave = lambda heard: Say(body=b'{"jsonrpc":"2.0","result":{"stopReason":"steered","steered":true}}')
    run = made(api, await_user_message=True, kept=1)
    placed(stand, run, endpoint.url)
    task, file = run["task_id"], {"name": "notes.md", "type": "context", "content": "notes"}
    headers = {"authorization": f"Bearer {api.key}"}
    there = f"/posthog/api/projects/1/tasks/{task}/runs/{run['run_id']}/artifacts/"
    assert stand.http.post(there, json={"artifacts": [file]}, headers=headers).status_code == 200
    (entry,) = good(api.get(f"/coding-runs/{run['run_id']}"))["manifest"]
    wanted = {"text": "look", "artifact_ids": [entry["id"], entry["id"].upper()], "steer": True}
    assert good(api.post(path_of(run, "messages"), wanted)) == {
        "stop_reason": "steered",
        "message": None,
        "error": None,
    }
    asked = msgspec.json.decode(endpoint.heard[-1].body)
    (sent,) = asked["params"].pop("artifacts")
    assert (sent["name"], sent["storage_path"]) == ("notes.md", entry["path"])
    assert asked["params"] == {"content": "look", "steer": True}
    assert good(api.get(f"/coding-runs/{run['run_id']}"))["shared"] == {
        "mode": "interactive",
        "kept": 1,
        "sandbox_url": endpoint.url,
    }
    unknown = refused(api.post(path_of(run, "messages"), {"text": "look", "artifact_ids": ["none"]}), 400, "invalid")
    assert "none" in unknown["detail"]
    for text in ("", " \n"):
        refused(api.post(path_of(run, "messages"), {"text": text}), 400, "invalid")
    assert len(endpoint.heard) == 1


@pytest.mark.parametrize(
    ("say", "status", "code", "words"),
    [
        (Say(status=400, body=b'{"error":"No active session for this run"}'), 502, "agent_failed", "No active session"),
        (Say(body=b'{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"}}'), 502, "agent_failed", "refused: no"),
        (Say(body=b'{"jsonrpc":"2.0","error":{}}'), 502, "agent_failed", "does not say why"),
        (Say(body=b"[]"), 502, "agent_failed", "JSON-RPC"),
        (Say(body=b'{"result":7}'), 502, "agent_failed", "how the turn ended"),
        (Say(body=b"<html>"), 502, "agent_failed", "not JSON"),
        (Say(after=30), 504, "agent_silent", "within 0.3 seconds"),
    ],
)
def test_what_is_the_agents_fault_is_told_as_that(
    stand: Stand,
    api: Api,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    say: Say,
    status: int,
    code: str,
    words: str,
) -> None:
    monkeypatch.setattr(stand.server.relay, "seconds", 0.3 if say.after else 20)
    endpoint.behave = lambda heard: say
    run = made(api)
    placed(stand, run, endpoint.url)
    assert words in refused(api.post(path_of(run, "messages"), {"text": "x"}), status, code)["detail"]


def test_a_run_without_a_sandbox_takes_no_messages_and_a_full_line_is_told(
    stand: Stand, api: Api, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(api)
    assert "no sandbox" in refused(api.post(path_of(run, "messages"), {"text": "x"}), 409, "conflict")["detail"]
    refused(api.post(path_of(run, "interrupt")), 409, "conflict")
    placed(stand, run, "http://10.0.0.1:3001")
    refused(api.post(path_of(run, "messages"), {"text": "x"}), 409, "conflict")
    placed(stand, run, endpoint.url)
    monkeypatch.setattr(stand.server.relay, "turns", 0)
    full = refused(api.post(path_of(run, "messages"), {"text": "x"}), 503, "unavailable")
    assert full["retryable"] is True
    endpoint.behave = _yes
    good(api.post(path_of(run, "interrupt")), 204)
    assert msgspec.json.decode(endpoint.heard[-1].body) == {"jsonrpc": "2.0", "method": "cancel"}


def _yes(heard: Heard) -> Say:
    return Say(body=b'{"jsonrpc":"2.0","result":{"cancelled":true}}')


def test_tokens_open_what_they_are_for_and_are_not_kept(stand: Stand, api: Api) -> None:
    run = made(api)
    token = good(api.post(path_of(run, "tokens"), {"for": "connection"}), 201)
    assert token["url"] is None
    placed(stand, run, "http://127.0.0.1:3001/")
    stand.clock.forward(seconds=1)
    other = good(api.post(path_of(run, "tokens"), {"for": "connection"}), 201)
    assert (other["url"], other["token"] == token["token"]) == ("http://127.0.0.1:3001/", False)
    claims = said(other["token"])
    assert (claims["run_id"], claims["aud"]) == (run["run_id"], "posthog:sandbox_connection")
    assert claims["mode"] == "interactive"
    assert datetime.fromisoformat(other["expires_at"]).timestamp() == claims["exp"]
    assert claims["exp"] - stand.clock() // SECOND == 24 * 3600

    ingest = good(api.post(path_of(run, "tokens"), {"for": "ingest"}), 201)
    assert said(ingest["token"])["exp"] - stand.clock() // SECOND == 7 * 3600
    event = {"type": "notification", "notification": {"method": "_posthog/status", "params": {}}}
    line = msgspec.json.encode({"seq": 1, "event": event})
    there = {"authorization": f"Bearer {ingest['token']}", "content-type": "application/x-ndjson"}
    taken = stand.http.post(ingest["url"], content=line, headers=there)
    assert (taken.status_code, taken.json()["last_accepted_seq"]) == (200, 1)
    there["authorization"] = f"Bearer {other['token']}"
    assert stand.http.post(ingest["url"], content=line, headers=there).status_code == 401
    refused(api.post(path_of(run, "tokens"), {"for": "all"}), 400, "invalid")


def said(token: str) -> Json:
    """The claims of a token, whoever signed it."""
    claims: Json = jwt.decode(token, options={"verify_signature": False})
    return claims
