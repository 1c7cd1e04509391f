"""One request whose answer is read as it comes, such as a stream of events."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import httptools

from runyard.outbound.messages import NoAnswer

MAX_HEAD = 64 << 10
MOST_WAITING = 256 << 10
"""How many bytes may wait to be read before the other side has to."""


class Stream(asyncio.Protocol):
    """An HTTP/1.1 connection that is good for one answer; `patience` is how many seconds each piece may take."""

    def __init__(self, patience: float) -> None:
        self.status = 0
        """Of the answer, once `begin` has returned."""
        self._patience = patience
        self._transport: Any = None
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._head_size = 0
        self._headers: dict[str, str] = {}
        self._begun = self._ended = self._paused = False
        self._trouble: NoAnswer | None = None
        self._news = asyncio.Event()

    async def begin(self, message: bytes) -> None:
        """Send the request, and wait for the head of its answer. Raises `NoAnswer`."""
        self._transport.write(message)
        while not self._begun:
            await self._more()

    async def read(self) -> bytes:
        """What came next of the body; nothing at its end. Raises `NoAnswer`, also when it breaks off."""
        while not self._pieces:
            if self._ended:
                return b""
            await self._more()
        found = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return found

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    async def _more(self) -> None:
        if self._trouble is not None:
            raise self._trouble
        self._news.clear()
        try:
            async with asyncio.timeout(self._patience):
                await self._news.wait()
        except TimeoutError:
            self.close()
            raise NoAnswer("timeout", f"nothing was said for {self._patience:g} seconds") from None

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if not self._begun:
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
        if self._waiting > MOST_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """End an answer that goes on until the end of the connection; any other has broken off."""
        measured = "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()
        if self._begun and error is None and not measured:
            self._ended = True
        if not self._ended:
            self._fail(NoAnswer("connection", "the connection was closed before the answer was complete"))
        self._news.set()

    # What the parser finds

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The body comes next."""
        self.status = self._parser.get_status_code()
        self._begun = self.status >= 200
        if not self._begun:
            self._headers = {}
        self._news.set()

    def on_body(self, body: bytes) -> None:
        """Keep it until it is read."""
        self._pieces.append(body)
        self._waiting += len(body)
        self._news.set()

    def on_message_complete(self) -> None:
        """The answer is whole, unless it only announced another one."""
        if self._begun:
            self._ended = True
            self._news.set()

    def _fail(self, trouble: NoAnswer) -> None:
        self._trouble = self._trouble or trouble
        self.close()
        self._news.set()
