"""Real HTTP endpoints on this machine, for what the server sends to the outside."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

PATIENCE = 20.0


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, kw_only=True)
class Say:
    """An answer; `raw` replaces all of it, and `then_close` ends the connection after it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    raw: bytes | None = None
    then_close: bool = False

    def encoded(self) -> bytes:
        """The answer as bytes."""
        if self.raw is not None:
            return self.raw
        lines = [f"HTTP/1.1 {self.status} X", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


Behave = Callable[[Heard], Say] | Callable[[Heard], Awaitable[Say]]


class Endpoint:
    """A server on a port of its own, in a thread of its own; `behave` may be replaced at any time."""

    def __init__(self, behave: Behave | None = None) -> None:
        self.behave: Any = behave or (lambda heard: Say())
        self.heard: list[Heard] = []
        self.connections = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="endpoint", daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/"

    def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as the condition holds. Raises `AssertionError` when it never does."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"does not happen; heard {self.heard}"
            time.sleep(0.005)

    def close(self) -> None:
        """Stop it, with every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                heard = await self._hear(reader)
                self.heard.append(heard)
                said = self.behave(heard)
                say: Say = await said if asyncio.iscoroutine(said) else said
                if say.after:
                    await asyncio.sleep(say.after)
                writer.write(say.encoded())
                await writer.drain()
                if say.then_close:
                    break

    async def _hear(self, reader: asyncio.StreamReader) -> Heard:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Heard(method=method, path=path, headers=headers, body=body)


Open = Callable[..., Endpoint]


@pytest.fixture
def endpoints() -> Iterator[Open]:
    """Opens endpoints that are closed with the test."""
    opened: list[Endpoint] = []

    def open_one(behave: Behave | None = None) -> Endpoint:
        opened.append(Endpoint(behave))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def endpoint(endpoints: Open) -> Endpoint:
    """An endpoint that says 200 and nothing else until it is told otherwise."""
    return endpoints()
