"""One HTTP/1.1 connection with one request under way at a time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httptools

from runyard.outbound.messages import Answer, NoAnswer, Timing

MAX_HEAD = 64 << 10
_BODILESS = frozenset({204, 304})


class Connection(asyncio.Protocol):
    """Sends requests and reads their answers; `is_open` says whether it can take another one."""

    def __init__(self) -> None:
        self.is_open = True
        self.idle_since = 0.0
        self.has_answered = False
        """Whether a byte of the answer to the request under way has come."""
        self._transport: Any = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._reset(0)

    def _reset(self, max_body: int) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._head_size = 0
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._max_body = max_body
        self._in_body = False
        self._first_at = 0.0
        self._answer: Answer | None = None
        self.has_answered = False

    async def exchange(self, message: bytes, *, connect: float, max_body: int) -> Answer:
        """Send a whole request; its answer. Raises `NoAnswer` when the connection breaks before it is complete."""
        if not self.is_open:
            raise NoAnswer("connection", "the connection was closed")
        self._reset(max_body)
        self._connect = connect
        self._sent_at = time.perf_counter()
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await self._waiting
        finally:
            if self._answer is None:
                self.close()
            self._waiting = None

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody asked
            return
        if not self.has_answered:
            self.has_answered = True
            self._first_at = time.perf_counter()
        if not self._in_body:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD + (1 << 18):
                self._fail(NoAnswer("transient", f"the head of the answer is longer than {MAX_HEAD} bytes"))
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(NoAnswer("transient", "the endpoint wanted to speak another protocol"))
        except httptools.HttpParserError as error:
            self._fail(NoAnswer("transient", f"the answer is not HTTP: {error}"))

    def eof_received(self) -> bool:
        """The other side has said all; keep nothing open."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Complete an answer that goes on until the end of the connection; fail any other."""
        self.is_open = False
        if self._waiting is None or self._waiting.done():
            return
        if self._in_body and error is None and not self._is_measured():
            self._finish()
            return
        said = f": {error}" if error is not None and str(error) else ""
        self._fail(NoAnswer("connection", f"the connection was closed before the answer was complete{said}"))

    # What the parser finds

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The body comes next."""
        status = self._parser.get_status_code()
        self._in_body = status >= 200 and status not in _BODILESS

    def on_body(self, body: bytes) -> None:
        """Keep as much of the body as was asked for; hang up on the rest."""
        room = self._max_body - self._size
        if room > 0:
            self._pieces.append(body[:room])
        self._size += len(body)
        if self._size > self._max_body and self._answer is None:
            self.is_open = False
            self._finish()
            self.close()

    def on_message_complete(self) -> None:
        """The answer is whole, unless it only announced another one."""
        if self._parser.get_status_code() < 200:
            self._headers = {}
            return
        if self._answer is None:
            self.is_open = self.is_open and self._parser.should_keep_alive()
            self._finish()

    def _is_measured(self) -> bool:
        return "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()

    def _finish(self) -> None:
        if self._waiting is None or self._waiting.done():
            return
        now = time.perf_counter()
        self._answer = Answer(
            status=self._parser.get_status_code(),
            headers=self._headers,
            body=b"".join(self._pieces),
            is_cut=self._size > self._max_body,
            timing=Timing(connect=self._connect, first=self._first_at - self._sent_at, transfer=now - self._first_at),
        )
        self._waiting.set_result(self._answer)

    def _fail(self, error: NoAnswer) -> None:
        self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
