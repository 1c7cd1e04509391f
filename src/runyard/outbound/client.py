"""The one client of all requests to the outside: pooled, guarded at every connect, bounded in size and time.

A name is resolved first, its addresses are judged, and the connection goes to one of those that passed, so that a
name which resolves differently a moment later (DNS rebinding) gains nothing. Redirects are answers like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from runyard.domain.errors import Invalid
from runyard.outbound.connection import Connection
from runyard.outbound.guard import Reach, Target, is_allowed, target
from runyard.outbound.messages import Answer, NoAnswer, Outgoing, head
from runyard.outbound.stream import Stream
from runyard.settings import Settings

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 15.0
STALE_SECONDS = 1.0
MOST_IDLE = 500
RESOLVERS = 16
"""How many names may be looked up at once; each takes a thread for as long as it takes."""

Place = tuple[str, str, int, Reach | None]
"""Where a connection leads, and how that was judged: what one request may reach, another may not."""
Line = TypeVar("Line", bound=asyncio.BaseProtocol)
Found = list[tuple[Any, ...]]
Resolve = Callable[[str, int], Found]


def resolve(host: str, port: int) -> Found:
    """What the system's resolver says of the name."""
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


class Client:
    """Keeps connections alive between requests. Everything happens on one event loop."""

    def __init__(self, settings: Settings, *, resolve: Resolve = resolve) -> None:
        self.settings = settings
        self._resolve = resolve
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
        self._lookups: dict[tuple[str, int], asyncio.Task[Found]] = {}
        self._idle: dict[Place, deque[Connection]] = {}
        self._idle_count = 0
        self._tls: ssl.SSLContext | None = None
        self._targets: dict[str, Target] = {}

    async def send(self, request: Outgoing, *, timeout: float) -> Answer:  # noqa: ASYNC109 (it is part of the answer)
        """The answer to the request. Raises `NoAnswer`, also when the guard refuses the URL or a header."""
        goal, message = self._prepared(request)
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(goal, message, request.max_body, request.reach)
        except TimeoutError:
            raise NoAnswer("timeout", f"no answer within {timeout:g} seconds") from None

    async def open(self, request: Outgoing, *, connect: float, read: float) -> Stream:
        """The answer to the request as it comes, over a connection of its own; close it. Raises `NoAnswer`.

        `connect` and `read` say how many seconds it may take to stand, and how many each further piece may take.
        """
        goal, message = self._prepared(request)
        try:
            async with asyncio.timeout(connect):
                stream, _ = await self._connected(goal, request.reach, lambda: Stream(read), connect)
        except TimeoutError:
            raise NoAnswer("timeout", f"no connection within {connect:g} seconds") from None
        try:
            await stream.begin(message)
        except BaseException:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        """Hang up everywhere."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
        self._idle_count = 0
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    def _prepared(self, request: Outgoing) -> tuple[Target, bytes]:
        """Where the request goes, and all of it. Raises `NoAnswer`."""
        try:
            goal = (
                self._target(request.url)
                if request.reach is None
                else target(request.url, self.settings, request.reach)
            )
            return goal, head(goal, request) + request.body
        except Invalid as error:
            raise NoAnswer("refused", error.detail) from None

    def _target(self, url: str) -> Target:
        goal = self._targets.get(url)
        if goal is None:
            if len(self._targets) >= 4096:
                self._targets.clear()
            goal = self._targets[url] = target(url, self.settings)
        return goal

    async def _exchange(self, goal: Target, message: bytes, max_body: int, reach: Reach | None) -> Answer:
        place = (goal.scheme, goal.host, goal.port, reach)
        connection = self._taken(place)
        if connection is not None:
            began = time.monotonic()
            try:
                return self._kept(place, connection, await connection.exchange(message, connect=0, max_body=max_body))
            except NoAnswer as error:
                # An idle connection that the other side closes while we write to it has not taken the request.
                at_once = time.monotonic() - began < STALE_SECONDS
                if error.trouble != "connection" or connection.has_answered or not at_once:
                    raise
        connection, seconds = await self._connected(goal, reach, Connection, CONNECT_SECONDS)
        answer = await connection.exchange(message, connect=seconds, max_body=max_body)
        return self._kept(place, connection, answer)

    def _taken(self, place: Place) -> Connection | None:
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            self._idle_count -= 1
            if connection.is_open and time.monotonic() - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.close()
        self._idle.pop(place, None)
        return None

    def _kept(self, place: Place, connection: Connection, answer: Answer) -> Answer:
        if not connection.is_open:
            connection.close()
            return answer
        connection.idle_since = time.monotonic()
        self._idle.setdefault(place, deque()).append(connection)
        self._idle_count += 1
        if self._idle_count > MOST_IDLE:
            self.sweep()
        return answer

    def sweep(self) -> None:
        """Hang up where nothing was asked for a while, and where most connections idle until few enough are left."""
        old = time.monotonic() - IDLE_SECONDS
        for place, idle in list(self._idle.items()):
            while idle and (not idle[0].is_open or idle[0].idle_since < old):
                self._dropped(idle)
            if not idle:
                del self._idle[place]
        while self._idle_count > MOST_IDLE:
            self._dropped(max(self._idle.values(), key=len))

    def _dropped(self, idle: deque[Connection]) -> None:
        idle.popleft().close()
        self._idle_count -= 1

    async def _connected(
        self, goal: Target, reach: Reach | None, make: Callable[[], Line], patience: float
    ) -> tuple[Line, float]:
        """A new connection, and how many seconds it took to stand; each address is tried for as long as there is."""
        addresses = await self._addresses(goal, reach)
        trouble: OSError | None = None
        for family, kind, protocol, _, address in addresses:
            began = time.perf_counter()
            try:
                async with asyncio.timeout(patience):
                    line = await self._dialled(goal, make, (family, kind, protocol), address)
                    return line, time.perf_counter() - began
            except TimeoutError:
                trouble = OSError("no connection in time")
            except OSError as error:
                trouble = error
        raise NoAnswer("connection", f"{goal.authority} cannot be reached: {_said(trouble)}") from trouble

    async def _dialled(self, goal: Target, make: Callable[[], Line], kind: tuple[int, int, int], address: Any) -> Line:
        loop = asyncio.get_running_loop()
        line = socket.socket(*kind)
        try:
            line.setblocking(False)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(line, address)
            secure: dict[str, Any] = {}
            if goal.scheme == "https":
                secure = {"ssl": self._context(), "server_hostname": goal.host}
            _, connection = await loop.create_connection(make, sock=line, **secure)
        except BaseException:
            line.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    async def _addresses(self, goal: Target, reach: Reach | None) -> Sequence[tuple[Any, ...]]:
        """The addresses of the host that requests may go to. Raises `NoAnswer`."""
        try:
            found = await self._looked_up(goal.host, goal.port)
        except OSError as error:
            raise NoAnswer("connection", f"the host {goal.host} cannot be resolved: {_said(error)}") from None
        allowed = [one for one in found if is_allowed(str(one[4][0]), self.settings, reach)]
        if not allowed:
            raise NoAnswer("refused", f"{goal.host} resolves to private addresses only, where endpoints may not be")
        return allowed

    async def _looked_up(self, host: str, port: int) -> Found:
        """Look a name up; those who ask for one name at the same time share the answer."""
        lookup = self._lookups.get((host, port))
        if lookup is None:
            lookup = self._lookups[host, port] = asyncio.create_task(self._look_up(host, port))
            lookup.add_done_callback(lambda _: self._lookups.pop((host, port), None))
        return await asyncio.shield(lookup)

    async def _look_up(self, host: str, port: int) -> Found:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(UnicodeError):
            return await loop.run_in_executor(self._resolvers, self._resolve, host, port)
        raise OSError("that is no name of a host")


def _said(error: OSError | None) -> str:
    if error is None:
        return "it has no address"
    return error.strerror or str(error) or type(error).__name__
