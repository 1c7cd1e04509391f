"""The whole server on real sockets over a test's store: kept for the session, emptied between tests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import uvicorn
import uvloop

from runyard.app import Server
from runyard.app import server as app_module
from runyard.app.joined import Protocol
from runyard.dialects import native
from runyard.settings import Settings
from tests.support.api import Api, good
from tests.support.contract import Contract
from tests.support.stores import AnyStore, Clock
from tests.support.wire import Wire

ADMIN = "ry_" + "a" * 40
USUAL = ["runs:write", "runs:claim", "jobs:write", "task:read", "task:write"]
"""What keys may do that are made without saying so."""
MAX_BODY = 100_000
MAX_ARTIFACT = 300_000
PATIENCE = 20.0
"""Seconds after which a test that waits for something gives up."""


def settings_in(folder: Path, **more: Any) -> Settings:
    """Settings of a server without loops and agents, with small limits."""
    return Settings(
        data=folder,
        loops=False,
        agents=False,
        admin_key=ADMIN,
        max_body_bytes=MAX_BODY,
        max_artifact_bytes=MAX_ARTIFACT,
        **more,
    )


class Stand:
    """A server of one engine, reached at `url`."""

    def __init__(self, store: AnyStore, clock: Clock, settings: Settings) -> None:
        self.clock = clock
        self.dialects: list[Any] = []
        self.store = store
        with mock.patch.object(app_module, "open_store", return_value=store), self._seen():
            self.server = Server(settings, clock=clock)
        config = uvicorn.Config(
            self.server.app,
            port=0,
            http=Protocol,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=75,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="stand", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread.start()
        self.until(lambda: self._uvicorn.started)
        port = self._uvicorn.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx2.Client(base_url=self.url, timeout=PATIENCE, transport=Wire())
        self.contract = Contract(self.http.get("/runyard/openapi.json").json())

    def _seen(self) -> Any:
        make = native.app

        def made(*args: Any, **kwargs: Any) -> Any:
            dialect = make(*args, **kwargs)
            self.dialects.append(dialect)
            return dialect

        return mock.patch.object(native, "app", made)

    def _run(self) -> None:
        # The event loop of `runyard serve`.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._uvicorn.serve()

    def on_loop(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run something on the server's event loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(PATIENCE)

    def fresh(self) -> None:
        """Make the server as ignorant as one that was just started on the (emptied) store."""
        self.server.bootstrap()
        self.on_loop(self._forget)

    async def _forget(self) -> None:
        server = self.server
        server.keyring.heard(frozenset({"*"}))
        server.signed.heard(frozenset({"*"}))
        server.keyring._touched.clear()
        for dialect in self.dialects:
            dialect.app.app.state.clear()
        server.store.subscribe(server.hub.publish)
        server.store.subscribe(server.keyring.heard)
        server.store.subscribe(server.signed.heard)

    @property
    def admin(self) -> Api:
        """The admin key, acting in project 1."""
        return Api(self.http, self.contract, ADMIN)

    def key(self, *scopes: str, project: int | str | None = None, **fields: Any) -> Api:
        """A new key with these scopes."""
        asked = {"name": "test", "scopes": scopes or USUAL, **fields}
        if project is not None:
            asked["project"] = project
        return self.admin.as_key(good(self.admin.post("/keys", asked), 201)["key"])

    def project(self, slug: str) -> int:
        """A new project's number."""
        number: int = good(self.admin.post("/projects", {"slug": slug}), 201)["number"]
        return number

    def waiting(self, topic: str) -> int:
        """How many requests wait for the topic."""
        return len(self.server.hub._waiters.get(topic, ()))

    def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as the condition holds. Raises `AssertionError` when it never does."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < give_up, "what the test waits for does not happen"
            time.sleep(0.002)

    def close(self) -> None:
        """Stop the server; the store stays."""
        self.http.close()
        self._uvicorn.should_exit = True
        self._thread.join(PATIENCE)
