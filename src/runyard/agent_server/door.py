"""The HTTP side: `/health`, `/events` and `/command` (contract §10), as a small ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import msgspec

from runyard.agent_server import commands
from runyard.agent_server.clock import Clock
from runyard.agent_server.commands import NO_SESSION, Request
from runyard.agent_server.launch import Launch
from runyard.agent_server.outbox import Listener, Outbox
from runyard.agent_server.tokens import Claims, TokenRefused, claims, is_for

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 40 << 20
"""Images travel in messages, as Base64."""
KEEPALIVE_SECONDS = 25.0


class Desk(Protocol):
    """Who does what the requests ask for."""

    outbox: Outbox

    def health(self) -> dict[str, Any]:
        """How the server is."""
        ...

    def session(self) -> commands.Session | None:
        """The session, while there is one."""
        ...

    async def open_for(self, caller: Claims) -> None:
        """Return when there is a session; one is opened when there is none."""
        ...


class _TooLarge(Exception):
    """The body is larger than may be."""


def app(desk: Desk, launch: Launch, clock: Clock) -> App:
    """The application that answers for the desk."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        match scope["method"], scope["path"]:
            case "GET" | "HEAD", "/health":
                await _say(send, 200, desk.health())
            case "GET", "/events":
                await _events(desk, launch, clock, scope, receive, send)
            case "POST", "/command":
                await _command(desk, launch, scope, receive, send)
            case _:
                await _say(send, 404, {"error": "Not found"})

    return answer


async def _events(desk: Desk, launch: Launch, clock: Clock, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        caller = claims(_header(scope, b"authorization"), launch.public_key)
    except TokenRefused as error:
        await _say(send, 401, {"error": str(error), "code": error.code})
        return
    if not is_for(caller, launch):
        await _say(send, 403, {"error": "Token does not match this task run"})
        return
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    # A comment, so that who connects sees at once that the connection stands.
    await send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
    listener = desk.outbox.listen()
    greeting = asyncio.create_task(_greet(desk, listener, caller), name="greeting")
    gone = asyncio.create_task(_gone(receive), name="events-gone")
    try:
        await _stream(desk.outbox, listener, gone, clock, send)
    finally:
        for task in (greeting, gone):
            task.cancel()
    if not gone.done() or gone.cancelled():
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _greet(desk: Desk, listener: Listener, caller: Claims) -> None:
    await desk.open_for(caller)
    listener.greet({"type": "connected", "run_id": caller.run_id})


async def _stream(outbox: Outbox, listener: Listener, gone: asyncio.Task[None], clock: Clock, send: Send) -> None:
    while True:
        coming = asyncio.create_task(listener.next())
        while not coming.done():
            resting = asyncio.create_task(clock.sleep(KEEPALIVE_SECONDS))
            await asyncio.wait({coming, resting, gone}, return_when=asyncio.FIRST_COMPLETED)
            rested = resting.done()
            resting.cancel()
            if gone.done():
                break
            if rested and not coming.done():
                await send({"type": "http.response.body", "body": b": keepalive\n\n", "more_body": True})
        if gone.done():
            if coming.done() and (frame := coming.result()) is not None:
                outbox.back(frame)
            coming.cancel()
            return
        frame = coming.result()
        if frame is None:
            return
        await send({"type": "http.response.body", "body": frame, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _command(desk: Desk, launch: Launch, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        caller = claims(_header(scope, b"authorization"), launch.public_key)
    except TokenRefused as error:
        await _say(send, 401, {"error": str(error)})
        return
    if not is_for(caller, launch):
        await _say(send, 400, {"error": NO_SESSION})
        return
    try:
        request = msgspec.json.decode(await _body(scope, receive), type=Request)
    except _TooLarge:
        await _say(send, 413, {"error": f"The body is larger than {MAX_BODY} bytes"})
        return
    except (msgspec.DecodeError, RecursionError):
        await _say(send, 400, {"error": "Invalid JSON-RPC request"})
        return
    session = desk.session()
    if session is None:
        await _say(send, 400, {"error": NO_SESSION})
        return
    await _say(send, 200, await commands.answer(session, request))


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises `_TooLarge`."""
    declared = _header(scope, b"content-length") or "0"
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise _TooLarge
    parts = bytearray()
    while True:
        message = await receive()
        parts += message.get("body", b"")
        if len(parts) > MAX_BODY:
            raise _TooLarge
        if not message.get("more_body"):
            return bytes(parts)


async def _say(send: Send, status: int, said: dict[str, Any]) -> None:
    body = msgspec.json.encode(said)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
