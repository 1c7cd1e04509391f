"""Lists of any length as one JSON document, read and sent slice by slice: no more than two are ever held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

from litestar import Request, Response

from runyard.streams.asgi import Receive, Scope, Send
from runyard.web.reply import JSON, Sent

T = TypeVar("T")


class Listed(Response[bytes], Generic[T]):
    """`{"<name>": […]}` of what the slices hold, each entry encoded already; `T` is the shape of the whole.

    What is to stand `around` the entries may be given instead of a name, and what `between` them instead of a comma.
    The first slice is read before anything is sent, so that what it raises is still an error reply.
    """

    def __init__(
        self,
        name: str,
        slices: AsyncIterator[list[bytes]],
        *,
        around: tuple[bytes, bytes] | None = None,
        between: bytes = b",",
    ) -> None:
        self.slices = slices
        self.between = between
        self.head, self.tail = around or (b'{"%b":[' % name.encode(), b"]}")

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> Any:
        """The reply as an ASGI callable."""
        return self.send_all

    async def send_all(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read and send slice after slice; what is no more than one goes out as a whole."""
        entries: list[bytes] = await anext(self.slices, [])
        following = await anext(self.slices, None)
        chunk, some = self.head + self.between.join(entries), bool(entries)
        if following is None:
            await Sent(200, chunk + self.tail)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", JSON)]})
        while following is not None:
            await _pass(scope, send, chunk, more=True)
            chunk = (self.between if some and following else b"") + self.between.join(following)
            some = some or bool(following)
            following = await anext(self.slices, None)
        await _pass(scope, send, chunk + self.tail, more=False)


async def _pass(scope: Scope, send: Send, chunk: bytes, *, more: bool) -> None:
    body = b"" if scope["method"] == "HEAD" else chunk
    await send({"type": "http.response.body", "body": body, "more_body": more})
