"""One request as a handler sees it: who calls, and the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from litestar import Request

from runyard.storage.port import Store, Tx
from runyard.streams.asgi import Receive
from runyard.web import idempotency
from runyard.web.auth import Identity, header, require
from runyard.web.idempotency import Answer
from runyard.web.reply import Reply

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

REPLAYED = (b"idempotency-replayed", b"true")


@cache
def _on_the_wire(name: str) -> bytes:
    return name.lower().encode("ascii")


class Presence:
    """Whether the client of a long poll still waits for its answer."""

    __slots__ = ("_task", "gone", "on_gone", "receive")

    def __init__(self, receive: Receive, on_gone: Callable[[], None]) -> None:
        self.receive = receive
        self.on_gone = on_gone
        self.gone = False

    def __enter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._watch())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            continue
        self.gone = True
        self.on_gone()


class Call:
    """A request with its caller; handlers await `read`, `write` or `answer` and nothing else of ours."""

    __slots__ = ("identity", "request", "request_id", "store")

    def __init__(self, request: Request[Any, Any, Any], store: Store, identity: Identity, request_id: str) -> None:
        self.request = request
        self.store = store
        self.identity = identity
        self.request_id = request_id

    @property
    def project_id(self) -> int:
        """The project the caller acts in."""
        return self.identity.project_id

    @property
    def actor(self) -> str:
        """The caller as the journal names it."""
        return self.identity.actor

    def may(self, scope: str) -> bool:
        """Whether the caller has the scope."""
        return scope in self.identity.scopes

    def require(self, *scopes: str) -> None:
        """Make sure that the caller has one of the scopes. Raises `Forbidden`."""
        require(self.identity, scopes)

    def header(self, name: str) -> str | None:
        """A header of the request."""
        scope: Any = self.request.scope
        return header(scope, _on_the_wire(name))

    def presence(self, on_gone: Callable[[], None]) -> Presence:
        """Watch, as a context, whether the client is still there; `on_gone` is called when it leaves.

        For long polls, after the body was read: work handed to a client that left stays with nobody.
        """
        receive: Any = self.request.receive
        return Presence(receive, on_gone)

    def read(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Run an operation on a snapshot."""
        return self.store.read(op, *args, **kwargs)

    def write(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Run an operation; what it answers is durable."""
        return self.store.write(op, *args, **kwargs)

    async def answer(
        self,
        shape: Callable[[R], T | Answer[T]],
        op: Callable[Concatenate[Tx, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Reply[T]:
        """Run an operation and shape its reply, once for each `Idempotency-Key`.

        With that header the reply is stored in the operation's own transaction and given again to whoever repeats the
        request; `shape` must be pure. Replies that hold a secret do not belong here: use `write` for them.
        """
        scope: Any = self.request.scope
        text = header(scope, b"idempotency-key")
        default: int = scope["route_handler"].status_code
        if text is None:
            status, body = idempotency.encoded(shape(await self.store.write(op, *args, **kwargs)), default)
            return Reply(body, status_code=status)
        mark = idempotency.stamp(
            self.project_id,
            idempotency.key_of(text),
            route=f"{scope['method']} {scope['mount']}{scope['path_template']}",
            path=scope["path"],
            query=scope["query_string"],
            body=await self.request.body(),
        )
        outcome = await self.store.write(idempotency.once, mark, default, shape, op, args, kwargs)
        return Reply(outcome.body, status_code=outcome.status, headers=[REPLAYED] if outcome.replayed else ())
