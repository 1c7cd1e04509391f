"""Connections on which what is written together leaves together.

uvicorn writes the head of a reply and then its body, and the loop sends each write as it comes: for most replies that
would be two system calls, two packets, and two times that the client wakes up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from runyard.streams.asgi import Message, Receive, Scope, Send

AT_ONCE = 64 << 10
"""So many bytes do not wait for more."""
CONTROLS = bytes({*range(32), 127} - {ord("\t")})
"""Characters that no line of a head holds."""


BODILESS = frozenset({204, 304})
OWN = frozenset({b"connection", b"transfer-encoding"})
"""Headers that tell uvicorn how to go on."""


class Joined:
    """A transport that sends in one piece what is written to it within one turn of the loop."""

    __slots__ = ("_loop", "_pieces", "_size", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send the bytes once the loop has done what it is at."""
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= AT_ONCE:
            self._send()

    def write_now(self, data: bytes) -> None:
        """Send the bytes, behind those that were written before."""
        if self._pieces:
            self._send()
        if not self.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Send what was written, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces and not self._transport.is_closing():
            self._transport.writelines(pieces)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Answer:
    """What an app sends for one request: a usual reply leaves in one step, and others as uvicorn sends them."""

    __slots__ = ("_cycle", "_head", "_length")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._head: Message | None = None
        self._length: int | None = None

    async def send(self, message: Any) -> None:
        """Send a message of ASGI; a head that says how long the body is waits for it."""
        head = self._head
        if head is not None:
            self._head = None
            if not self._send_whole(head, message):
                await self._cycle.send(cast("Any", head))
                await self._cycle.send(message)
            return
        if message["type"] == "http.response.start" and not self._cycle.response_started:
            self._length = _length(message)
            if self._length is not None:
                self._head = message
                return
        await self._cycle.send(message)

    def _send_whole(self, head: Message, message: Message) -> bool:
        """Send a usual reply and tell uvicorn; False for any other. Raises `RuntimeError` for a head that is none."""
        cycle = self._cycle
        body: bytes = message.get("body", b"")
        is_usual = cycle.keep_alive and not (
            cycle.disconnected or cycle.flow.write_paused or cycle.access_log or message.get("more_body", False)
        )
        if not is_usual or self._length != len(body) or cycle.scope["method"] == "HEAD":
            return False
        headers = [*cycle.default_headers, *head["headers"]]
        text = b"\r\n".join(map(b": ".join, headers))
        if len(text.translate(None, CONTROLS)) != len(text) - 2 * len(headers) + 2:
            raise RuntimeError("a header of the reply holds a control character")
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        joined = cast("Joined", cycle.transport)
        joined.write_now(b"%b%b\r\n\r\n%b" % (STATUS_LINE[head["status"]], text, body))
        cycle.message_event.set()
        cycle.on_response()
        return True


def _length(head: Message) -> int | None:
    """How long the body is, where the head says so, and nothing of how the connection goes on."""
    said = dict(head["headers"])
    if not OWN.isdisjoint(said):
        return None
    text = b"0" if head["status"] in BODILESS else said.get(b"content-length", b"")
    return int(text) if text.isdigit() else None


class Protocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(cast("asyncio.Transport", Joined(transport, self.loop)))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            answered: Awaitable[None] = app(scope, receive, Answer(cycle).send)
            return answered

        super()._start_asgi_task(cycle, cast("Any", serve))
