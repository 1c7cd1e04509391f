"""An HTTP/1.1 client that does next to nothing, so that it is not what the benchmarks measure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bench.servers import KEY, Server

NEVER = 1 << 62


def request(
    method: str, path: str, body: Any = None, *, accept: str = "application/json", mount: str = "/runyard/v1"
) -> bytes:
    """A request to the native API (or to another one mounted beside it), as bytes that can be sent many times."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    head = [
        f"{method} {mount}{path} HTTP/1.1",
        "Host: bench",
        f"Authorization: Bearer {KEY}",
        f"Accept: {accept}",
        *(("Content-Type: application/json",) if content else ()),
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + content


class Refused(Exception):
    """The server did not answer as it should."""


class Connection(asyncio.Protocol):
    """A connection kept alive, with one request under way at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._pieces: list[bytes] = []
        self._missing = NEVER
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        """Fail whoever still waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Refused(f"the connection was closed: {error}"))

    def data_received(self, data: bytes) -> None:
        """Gather pieces until as much has come as the head of the answer promised."""
        self._pieces.append(data)
        if self._missing == NEVER:
            whole = b"".join(self._pieces)
            end = whole.find(b"\r\n\r\n")
            if end < 0:
                return
            self._pieces = [whole]
            self._missing = end + 4 + _length(whole[:end]) - len(whole)
        else:
            self._missing -= len(data)
        if self._missing <= 0 and self._answer is not None and not self._answer.done():
            self._answer.set_result(b"".join(self._pieces))

    async def send(self, message: bytes, expect: int = 200) -> bytes:
        """The body of the answer. Raises `Refused` when its status is another."""
        assert self._transport is not None
        self._pieces, self._missing = [], NEVER
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        answer = await self._answer
        body = answer[answer.find(b"\r\n\r\n") + 4 :]
        if answer[9:12] != b"%d" % expect:
            raise Refused(f"{answer[9:12].decode()} instead of {expect}: {body[:500].decode(errors='replace')}")
        return body

    async def json(self, message: bytes, expect: int = 200) -> Any:
        """The answer, decoded."""
        return json.loads(await self.send(message, expect))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return 0


class Listener(asyncio.Protocol):
    """A follower of an event stream: says when a mark comes by."""

    def __init__(self, message: bytes, heard: Callable[[], None]) -> None:
        self.mark = b"\0"
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_closed = False
        self._message = message
        self._heard = heard
        self._transport: Any = None
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = transport
        self._transport.write(self._message)

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing will be heard any more."""
        self.is_closed = True
        if not self.opened.done():
            self.opened.set_exception(Refused(f"the stream was closed: {error}"))

    def data_received(self, data: bytes) -> None:
        """Look for the mark, also across pieces."""
        self._tail = (self._tail + data)[-4096:]
        if not self.opened.done() and b"\r\n\r\n" in self._tail:
            if b" 200 " in self._tail.partition(b"\r\n")[0]:
                self.opened.set_result(None)
            else:
                self.opened.set_exception(Refused(self._tail.decode(errors="replace")))
        if self.mark in self._tail:
            self.mark = b"\0"
            self._heard()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


async def connect(server: Server) -> Connection:
    """A new connection to the server."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, *server.address)
    return connection


async def listen(server: Server, path: str, heard: Callable[[], None], *, mount: str = "/runyard/v1") -> Listener:
    """A follower of a stream."""
    message = request("GET", path, accept="text/event-stream", mount=mount)
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_connection(lambda: Listener(message, heard), *server.address)
    return listener
