"""Replies: encoded once, sent with as few steps as ASGI allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Request, Response

from runyard.streams.asgi import App, Header, Receive, Scope, Send

T = TypeVar("T")

JSON = b"application/json"
encode = msgspec.json.Encoder(uuid_format="canonical").encode


class Sent:
    """A complete reply as an ASGI callable."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, media_type: bytes = JSON, *, headers: Iterable[Header] = ()) -> None:
        self.status = status
        self.body = body
        self.headers: list[Header] = [*headers]
        if status not in {204, 304}:
            self.headers.append((b"content-type", media_type))
            self.headers.append((b"content-length", b"%d" % len(body)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body, "more_body": False})


class Reply(Response[T], Generic[T]):
    """What a handler answers: a value to encode or bytes that are encoded already. Status defaults to the route's."""

    def __init__(
        self,
        content: T | bytes,
        *,
        status_code: int | None = None,
        headers: Iterable[Header] = (),
        media_type: str | None = None,
        **_: Any,
    ) -> None:
        self.content = content  # type: ignore[assignment]
        self.status_code = status_code
        self.sent_headers = headers
        self.media_type = media_type

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **route: Any) -> Any:
        """The reply as an ASGI callable. Takes what the framework knows of the route."""
        kind = route.get("media_type") or "application/json"
        return self.sent(route.get("status_code") or 200, getattr(kind, "value", kind).encode("ascii"))

    def sent(self, status: int, media_type: bytes) -> Sent:
        """The same, of a route with this status and media type."""
        status = self.status_code or status
        if self.media_type is not None:
            media_type = self.media_type.encode("ascii")
        content: Any = self.content
        if status == 204:
            body = b""
        elif type(content) is bytes:
            body = content
        elif isinstance(content, str):
            body = content.encode()
        else:
            body = encode(content)
        return Sent(status, body, media_type, headers=self.sent_headers)


class Streamed(Response[bytes]):
    """A reply that goes out piece by piece: an ASGI callable handed to the framework."""

    def __init__(self, app: App) -> None:
        self.app = app

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> Any:
        """The callable itself."""
        return self.app


class Download:
    """A file as an ASGI callable, sent chunk by chunk."""

    __slots__ = ("chunks", "headers", "status")

    def __init__(self, chunks: AsyncIterator[bytes], *, headers: Iterable[Header], status: int = 200) -> None:
        self.chunks = chunks
        self.headers = [*headers]
        self.status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then chunk after chunk."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        async for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
