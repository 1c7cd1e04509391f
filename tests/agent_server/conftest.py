"""An agent server in this process, with a stand-in for the control plane and the real echo agent."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from runyard.agent_server import door
from runyard.agent_server.clock import Clock, WallClock
from runyard.agent_server.launch import Launch
from runyard.agent_server.presets import ECHO
from runyard.agent_server.server import AgentServer
from runyard.agent_server.tokens import AUDIENCE
from tests.agent_server.plane import KEY, PROJECT, RUN, TASK, Plane

PATIENCE = 30.0
Result = TypeVar("Result")


class Keys:
    """The control plane's key pair, and tokens made with it."""

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self.private.public_key()
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        self.pem = public.public_bytes(serialization.Encoding.PEM, kind).decode()

    def token(self, **changes: Any) -> str:
        """A token for the run; claims that are changed to nothing are left out."""
        said: dict[str, Any] = {
            "run_id": RUN,
            "task_id": TASK,
            "team_id": PROJECT,
            "user_id": 1,
            "distinct_id": "d",
            "aud": AUDIENCE,
            "exp": int(time.time()) + 3600,
            **changes,
        }
        return jwt.encode({name: value for name, value in said.items() if value is not None}, self.private, "RS256")


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


class Hands(Clock):
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.at + seconds, next(self._count), waking))
        await waking

    async def forward(self, seconds: float) -> None:
        """Let time pass; whoever is due by then has acted when this returns."""
        await calm()
        end = self.at + seconds
        while self._sleepers and self._sleepers[0][0] <= end + 1e-9:
            self.at, _, waking = heapq.heappop(self._sleepers)
            if not waking.done():
                waking.set_result(None)
            await calm()
        self.at = end
        await calm()


class Quick(WallClock):
    """A clock for which waits are over at once, but for those that only look now and then."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds if seconds > 20 else 0.001)


async def calm() -> None:
    """Let everybody act who can, as long as nobody waits for another process."""
    for _ in range(200):
        await asyncio.sleep(0)


async def until(happened: Callable[[], object], what: Callable[[], object] = lambda: "it does not happen") -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, what()
        await asyncio.sleep(0.003)


def made(keys: Keys, folder: Path, **changes: Any) -> Launch:
    """A launch of the echo agent."""
    usual: dict[str, Any] = {
        "task_id": TASK,
        "run_id": RUN,
        "project": PROJECT,
        "api_url": "http://plane",
        "api_key": KEY,
        "public_key": keys.pem,
        "folder": folder.resolve(),
        "command": ECHO,
        "environment": {"PATH": "/usr/bin"},
    }
    return Launch(**{**usual, **changes})


class Ear:
    """A connection to `/events`, and what came over it."""

    def __init__(self, app: door.App, token: str | None) -> None:
        self._gone = asyncio.Event()
        self._asked = False
        self.status = 0
        self.raw = b""
        self.is_over = False
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {"type": "http", "method": "GET", "path": "/events", "headers": headers}
        self._task = asyncio.create_task(self._listen(app, scope))

    async def _listen(self, app: door.App, scope: dict[str, Any]) -> None:
        await app(scope, self._receive, self._send)
        self.is_over = True

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.raw += message.get("body", b"")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events so far."""
        frames = self.raw.decode().split("\n\n")
        return [json.loads(frame.removeprefix("data: ")) for frame in frames if frame.startswith("data: ")]

    async def hang_up(self) -> None:
        """Be gone."""
        self._gone.set()
        await self._task


class Bench:
    """A running server and its doors."""

    def __init__(self, server: AgentServer, launch: Launch, keys: Keys, plane: Plane, clock: Clock) -> None:
        self.server = server
        self.keys = keys
        self.plane = plane
        self.app = door.app(server, launch, clock)
        self.heard: list[dict[str, Any]] = []
        """Every event, whether somebody listens or not."""
        put = server.outbox.put
        server.outbox.put = lambda event: (self.heard.append(event), put(event))[1]  # type: ignore[func-returns-value, method-assign]
        self.ended = asyncio.create_task(server.run())
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://sandbox")
        self._number = itertools.count(1)

    async def call(self, method: str, token: str | None = None, **params: Any) -> dict[str, Any]:
        """The reply to a command."""
        reply = await self.command(
            {"jsonrpc": "2.0", "id": next(self._number), "method": method, "params": params}, token
        )
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    async def result(self, method: str, **params: Any) -> Any:
        """The result of a command."""
        reply = await self.call(method, **params)
        assert "result" in reply, reply
        return reply["result"]

    async def command(self, body: Any, token: str | None = None) -> httpx2.Response:
        """Whatever is answered to a command."""
        headers = {"Authorization": f"Bearer {token or self.keys.token()}"}
        return await self.http.post("/command", json=body, headers=headers, timeout=PATIENCE)

    def listen(self, **claims: Any) -> Ear:
        """A connection to `/events`."""
        return Ear(self.app, self.keys.token(**claims))

    async def ready(self) -> None:
        """Return when the first prompt is given and answered."""
        await until(lambda: self.server._booted.is_set() or self.ended.done(), self.plane.whats)


@contextlib.asynccontextmanager
async def serving(
    keys: Keys, folder: Path, plane: Plane, *, clock: Clock | None = None, **changes: Any
) -> AsyncIterator[Bench]:
    """A server with the echo agent, stopped at the end."""
    launch, clock = made(keys, folder, **changes), clock or WallClock()
    numbers = itertools.count(1)
    async with httpx2.AsyncClient(transport=plane.transport()) as http:
        server = AgentServer(launch, http=http, clock=clock, ids=lambda: f"id-{next(numbers):04}")
        bench = Bench(server, launch, keys, plane, clock)
        try:
            yield bench
        finally:
            server.stop()
            while isinstance(clock, Hands) and not bench.ended.done():
                # What it still has to send may wait for its turn.
                await clock.forward(1)
                await asyncio.sleep(0.003)
            await asyncio.wait_for(bench.ended, PATIENCE)
            await bench.http.aclose()


@pytest.fixture
def plane() -> Plane:
    return Plane()


def run(whole: Coroutine[Any, Any, Result]) -> Result:
    """What a test does, which may not take for ever."""

    async def bounded() -> Result:
        return await asyncio.wait_for(whole, 2 * PATIENCE)

    return asyncio.run(bounded())
