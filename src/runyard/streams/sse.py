"""Server-sent events: frames, and the reply that sends them until the stream, the client or the server ends."""

from __future__ import annotations

import asyncio
from typing import Protocol

from runyard.domain.errors import DomainError, Invalid
from runyard.streams.asgi import Header, Receive, Scope, Send

PING_SECONDS = 15.0
STUCK_SECONDS = 60.0
"""A client that takes nothing for so long is dropped; it can resume where it was."""
PING = b": ping\n\n"
HEADERS: list[Header] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
MAX_SEQ = 2**63 - 1


class Source(Protocol):
    """Where the frames come from."""

    done: bool

    async def next(self, timeout: float) -> bytes | None:  # noqa: ASYNC109 (the ping interval)
        """The next frames, joined; None when none came in time, or none will and `done` is set."""
        ...

    def leave(self) -> None:
        """The client is gone."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


def frame(data: bytes, *, event: str | None = None, id: int | None = None) -> bytes:
    """One event. JSON may be spread over lines by whoever wrote it; on the wire it is one line."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r", b" ").replace(b"\n", b" ")
    head = b"" if id is None else b"id: %d\n" % id
    if event is not None:
        head += b"event: %b\n" % event.encode()
    return b"%bdata: %b\n\n" % (head, data)


def start_after(last_event_id: str | None, after: int | None) -> int:
    """The number a client has seen last: its `Last-Event-ID` before `after`. Raises `Invalid`."""
    if last_event_id is None or not last_event_id.strip():
        return after or 0
    text = last_event_id.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > MAX_SEQ:
        raise Invalid("the Last-Event-ID is not one of this stream; send the `id` of the last event as it was given")
    return int(text)


class EventStream:
    """An ASGI callable that sends a source's frames, and a comment whenever there is nothing to send."""

    def __init__(self, source: Source, *, opening: bytes = b"", ping: float = PING_SECONDS, ping_frame: bytes = PING):
        self.source = source
        self.opening = opening
        self.ping = ping
        self.ping_frame = ping_frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the source is done. Never raises because a client went away."""
        watcher = asyncio.get_running_loop().create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
            if self.opening:
                await self._send(send, self.opening)
            while True:
                chunk = await self.source.next(self.ping)
                if chunk is not None:
                    await self._send(send, chunk)
                elif self.source.done:
                    break
                else:
                    await self._send(send, self.ping_frame)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (OSError, TimeoutError, DomainError):  # the client is gone or stuck, or the store is: it will resume
            return
        finally:
            watcher.cancel()
            self.source.close()

    async def _send(self, send: Send, chunk: bytes) -> None:
        async with asyncio.timeout(STUCK_SECONDS):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _watch(self, receive: Receive) -> None:
        """Leave when the client does; without this a server could never stop (the reply would go on for ever)."""
        while (await receive())["type"] != "http.disconnect":
            continue
        self.source.leave()
