"""Server-sent events: frames, and the reply that sends them until the stream, the client or the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from runyard.domain.errors import DomainError, Invalid
from runyard.streams.asgi import Header, Message, Receive, Scope, Send

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
SEPARATORS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
"""Characters at which many clients end a line though the standard does not; inside JSON they can be escaped."""


class Source(Protocol):
    """Where the frames come from."""

    done: bool

    async def next(self) -> bytes | None:
        """The next frames, joined; None when somebody said `nudge`, or none will come and `done` is set."""
        ...

    def nudge(self) -> None:
        """Wait no longer for now."""
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
    if not data.isascii():
        for character, escape in SEPARATORS:
            data = data.replace(character, escape)
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

    def __init__(
        self,
        source: Source,
        *,
        opening: bytes = b"",
        ping: float = PING_SECONDS,
        ping_frame: bytes = PING,
        trouble: Callable[[DomainError], bytes] | None = None,
    ) -> None:
        self.source = source
        self.trouble = trouble
        """The last frame of a stream that breaks off because the store cannot be read; without it there is none."""
        self.opening = opening
        self.ping = ping
        self.ping_frame = ping_frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the source is done. Never raises because a client went away."""
        loop = asyncio.get_running_loop()
        watcher = loop.create_task(self._watch(receive))
        pulse = _Pulse(self.source, self.ping)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
            if self.opening:
                await send(_body(self.opening))
            while True:
                chunk = await self.source.next()
                if chunk is None:
                    if self.source.done:
                        break
                    chunk = self.ping_frame
                pulse.sending = True
                await send(_body(chunk))
                pulse.sending = False
                pulse.sent_at = loop.time()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError:
            if not pulse.stuck:
                raise
        except OSError:  # the client is gone
            return
        except DomainError as error:  # the store is: the client will resume
            if self.trouble is not None:
                with suppress(OSError):
                    await send({"type": "http.response.body", "body": self.trouble(error), "more_body": False})
        finally:
            pulse.stop()
            watcher.cancel()
            self.source.close()

    async def _watch(self, receive: Receive) -> None:
        """Leave when the client does; without this a server could never stop (the reply would go on for ever)."""
        while (await receive())["type"] != "http.disconnect":
            continue
        self.source.leave()


def _body(chunk: bytes) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": True}


class _Pulse:
    """One timer for a stream: asks for a ping when nothing was sent for a while, and gives a stuck client up."""

    def __init__(self, source: Source, ping: float) -> None:
        self.source = source
        self.ping = ping
        self.loop = asyncio.get_running_loop()
        self.task = asyncio.current_task()
        self.sending = False
        self.stuck = False
        self.sent_at = self.loop.time()
        self._timer = self.loop.call_later(ping, self._beat)

    def stop(self) -> None:
        """Beat no more."""
        self._timer.cancel()

    def _beat(self) -> None:
        quiet = self.loop.time() - self.sent_at
        if self.sending:
            self.stuck = quiet >= STUCK_SECONDS
            if self.stuck and self.task is not None:
                self.task.cancel()
                return
        elif quiet >= self.ping:
            self.source.nudge()
        left = self.ping - quiet
        self._timer = self.loop.call_later(left if left > 0 else self.ping, self._beat)
