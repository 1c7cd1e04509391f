"""What HTTP answers, whatever the session does (contract §10)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runyard.agent_server import door
from runyard.agent_server.commands import CommandFailed, Nothing, PermissionResponse, SetConfigOption, UserMessage
from runyard.agent_server.outbox import Outbox
from runyard.agent_server.tokens import Claims
from tests.agent_server.conftest import Ear, Hands, Keys, calm, made
from tests.agent_server.plane import RUN

GONE = {"error": "No active session for this run"}


class Desk:
    """A desk with a session that only says what it was told."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.there: Any = self
        self.opened: list[Claims] = []

    def health(self) -> dict[str, Any]:
        return {"status": "ok"}

    def session(self) -> Any:
        return self.there

    async def open_for(self, caller: Claims) -> None:
        self.opened.append(caller)

    async def user_message(self, said: UserMessage) -> dict[str, Any]:
        return {"said": said.content, "steer": said.steer}

    async def cancel(self, said: Nothing) -> dict[str, Any]:
        return {"cancelled": True}

    async def close(self, said: Nothing) -> dict[str, Any]:
        raise KeyError("broken")

    async def permission_response(self, said: PermissionResponse) -> dict[str, Any]:
        raise CommandFailed("nobody asked")

    async def set_config_option(self, said: SetConfigOption) -> dict[str, Any]:
        return {"value": said.value}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def asked(desk: Desk, keys: Keys, folder: Path, *requests: tuple[str, str, dict[str, Any]]) -> list[tuple[int, Any]]:
    """Status and body of each request."""

    async def ask() -> list[tuple[int, Any]]:
        app = door.app(desk, made(keys, folder), Hands())
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://sandbox") as http:
            replies = [await http.request(method, path, **more) for method, path, more in requests]
        return [(reply.status_code, reply.json() if reply.content else None) for reply in replies]

    return asyncio.run(ask())


def commanded(desk: Desk, keys: Keys, folder: Path, *bodies: Any, **claims: Any) -> list[tuple[int, Any]]:
    headers = {"Authorization": f"Bearer {keys.token(**claims)}"}
    sent = [{"content" if isinstance(body, bytes) else "json": body, "headers": headers} for body in bodies]
    return asked(desk, keys, folder, *(("POST", "/command", one) for one in sent))


def test_what_is_not_there_is_not_found(desk: Desk, keys: Keys, tmp_path: Path) -> None:
    found = asked(
        desk, keys, tmp_path, *((*one, {}) for one in (("GET", "/"), ("POST", "/events"), ("GET", "/command")))
    )
    assert found == [(404, {"error": "Not found"})] * 3
    assert asked(desk, keys, tmp_path, ("GET", "/health", {}))[0] == (200, {"status": "ok"})


def test_events_and_commands_say_differently_who_may_not(desk: Desk, keys: Keys, tmp_path: Path) -> None:
    old = {"headers": {"Authorization": f"Bearer {keys.token(exp=1)}"}}
    other = {"headers": {"Authorization": f"Bearer {keys.token(run_id='another')}"}}
    assert asked(
        *(desk, keys, tmp_path),
        *(("GET", "/events", one) for one in ({}, old, other)),
        *(("POST", "/command", one) for one in ({}, old, other)),
    ) == [
        (401, {"error": "Missing authorization header", "code": "invalid_token"}),
        (401, {"error": "Token expired", "code": "expired"}),
        (403, {"error": "Token does not match this task run"}),
        (401, {"error": "Missing authorization header"}),
        (401, {"error": "Token expired"}),
        (400, GONE),
    ]


def test_the_body_is_looked_at_before_the_session(desk: Desk, keys: Keys, tmp_path: Path) -> None:
    bad = {"error": "Invalid JSON-RPC request"}
    deep = b'{"jsonrpc":"2.0","method":"cancel","params":' + b'{"a":' * 100_000
    wrong: tuple[Any, ...] = (
        *(deep, b"[" * 100_000, b"", b"{", b"\xff", [], {"method": "cancel"}),
        *({"jsonrpc": "1.0", "method": "cancel"}, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "method": 1}),
        {"jsonrpc": "2.0", "method": "cancel", "params": []},
        {"jsonrpc": "2.0", "method": "cancel", "id": None},
    )
    desk.there = None
    assert commanded(desk, keys, tmp_path, *wrong) == [(400, bad)] * len(wrong)
    assert commanded(desk, keys, tmp_path, {"jsonrpc": "2.0", "method": "nothing"}) == [(400, GONE)]


def test_a_body_may_not_be_endless(desk: Desk, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_BODY", 100)
    ((status, said),) = commanded(desk, keys, tmp_path, b" " * 101)
    assert (status, "100 bytes" in said["error"]) == (413, True)


def test_commands_are_answered_as_json_rpc(desk: Desk, keys: Keys, tmp_path: Path) -> None:
    def one(method: str, params: Any = None, **more: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": method, **({} if params is None else {"params": params}), **more}

    said = [
        body
        for status, body in commanded(
            *(desk, keys, tmp_path),
            one("user_message", {"content": "hi"}, id="a"),
            one("_posthog/user_message", {"content": [{"type": "text"}], "steer": True}, id=1.5),
            one("cancel"),
            one("posthog/set_config_option", {"configId": "a", "value": "b"}, id=7),
            one("posthog/cancel", {}, id=8),
            one("permission_response", {"requestId": "r", "optionId": "o"}, id=9),
            one("close", {}, id=10),
        )
        if status == 200
    ]
    assert [(body.get("id"), body.get("result") or body["error"]["code"]) for body in said] == [
        ("a", {"said": "hi", "steer": False}),
        (1.5, {"said": [{"type": "text"}], "steer": True}),
        (None, {"cancelled": True}),
        (7, {"value": "b"}),
        (8, -32000),
        (9, -32000),
        (10, -32000),
    ]
    assert "id" not in said[2]
    assert said[5]["error"]["message"] == "nobody asked"


def test_wrong_parameters_and_unknown_methods_are_told(desk: Desk, keys: Keys, tmp_path: Path) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("user_message", {}),
        ("user_message", {"content": "  "}),
        ("user_message", {"content": []}),
        ("user_message", {"content": 1}),
        ("user_message", {"content": "a", "messageId": ""}),
        ("permission_response", {"requestId": "r"}),
        ("permission_response", {"requestId": "r", "optionId": "o", "answers": {"a": 1}}),
        ("set_config_option", {"configId": "", "value": "b"}),
        *((name, {}) for name in ("refresh_session", "side_question", "mcp_response", "other/cancel", "__class__")),
    ]
    said = commanded(desk, keys, tmp_path, *({"jsonrpc": "2.0", "method": name, "params": p} for name, p in wrong))
    assert [(status, body["error"]["code"]) for status, body in said] == [(200, -32602)] * len(wrong)


def test_one_listens_and_who_comes_later_takes_over(desk: Desk, keys: Keys, tmp_path: Path) -> None:
    async def whole() -> None:
        clock = Hands()
        app = door.app(desk, made(keys, tmp_path), clock)
        desk.outbox.put({"n": 1})
        first = Ear(app, keys.token())
        await calm()
        assert (first.status, first.events) == (200, [{"n": 1}, {"type": "connected", "run_id": RUN}])
        await clock.forward(24)
        assert b": keepalive" not in first.raw
        await clock.forward(1)
        assert first.raw.endswith(b": keepalive\n\n")
        second = Ear(app, keys.token())
        await calm()
        assert first.is_over
        desk.outbox.put({"n": 2})
        await calm()
        assert (len(first.events), second.events[-1]) == (2, {"n": 2})
        await second.hang_up()
        desk.outbox.put({"n": 3})
        third = Ear(app, keys.token())
        await calm()
        # What nobody has heard is heard first; what somebody has, by nobody again.
        assert third.events == [{"n": 3}, {"type": "connected", "run_id": RUN}]
        desk.outbox.put({"n": 4})
        desk.outbox.close()
        await calm()
        assert third.is_over
        assert third.events[-1] == {"n": 4}
        assert len(desk.opened) == 3

    asyncio.run(whole())


def test_nobody_listening_does_not_fill_the_memory() -> None:
    outbox = Outbox(limit=100)
    for number in range(50):
        outbox.put({"n": number})

    async def heard() -> bytes | None:
        return await outbox.next(outbox.listen())

    assert asyncio.run(heard()) not in {b'data: {"n":0}\n\n', None}
    assert outbox._bytes <= 100
