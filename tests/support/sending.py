"""A dispatcher and a courier at work over a test's store, on an event loop of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from runyard.domain.jobs import Http
from runyard.domain.policy import Policy
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.loops import rests
from runyard.loops.runner import Runner
from runyard.loops.senders import Senders
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.streams.hub import Hub
from runyard.web.run_tokens import RunTokens
from tests.support.endpoints import Endpoint
from tests.support.stores import AnyStore
from tests.support.yard import Known, Yard

PATIENCE = 20.0
SECRET = "a secret key of more than 32 characters"
AT_ONCE = Policy(initial_delay=0, min_delay=0, jitter=0)
"""Retries without delay."""


class Post:
    """Senders that are running; everything they do is asked for through the store."""

    def __init__(self, store: AnyStore, *, concurrency: int = 50, drain: float = 0.2, **more: Any) -> None:
        settings: dict[str, Any] = {"allow_private_endpoints": True, "endpoint_ports": ("*",)}
        settings |= {"dispatch_concurrency": concurrency, "drain_seconds": drain, **more}
        self.settings = Settings(**settings)
        self.store = store
        self.vault = Vault(SECRET)
        self.tokens = RunTokens(self.vault.key("run tokens"), store.now)
        self.hub = Hub()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="post", daemon=True)
        self._thread.start()
        self.senders: Senders = self.on_loop(self._begin)

    def on_loop(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run something on the event loop."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(PATIENCE)

    async def _begin(self) -> Senders:
        self.store.subscribe(self.hub.publish)
        senders = Senders(self.store, self.hub, self.vault, self.tokens, self.settings)
        self._runner = Runner(senders.loops(rests(self.hub)))
        self._runner.start()
        return senders

    async def _end(self) -> None:
        await self.senders.stop()
        await self._runner.stop()

    def stop(self) -> None:
        """Drain and stop."""
        if self._thread.is_alive():
            self.on_loop(self._end)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()


def http_job(yard: Yard, endpoint: Endpoint | str, name: str = "job", **spec: Any) -> None:
    """A job whose runs go to the endpoint."""
    url = endpoint if isinstance(endpoint, str) else f"{endpoint.url}run"
    http = Http(url=url, fallback_url=spec.pop("fallback_url", None), secret=spec.pop("secret", None))
    yard.job(name, executor="http", http=http, **{"policy": AT_ONCE, **spec})


def settled(yard: Yard, run: Known, *states: RunState) -> Run:
    """The run once it is in one of the states (any that is final, or the dead letter)."""
    wanted = set(states)
    end = time.monotonic() + PATIENCE
    while True:
        found = yard.run(run)
        if found.state in wanted or (not wanted and (found.is_final or found.state is RunState.DEAD_LETTER)):
            return found
        assert time.monotonic() < end, f"the run is {found.state}: {found.error}"
        time.sleep(0.005)


@pytest.fixture
def posts(store: AnyStore) -> Iterator[Callable[..., Post]]:
    """Starts senders, which are stopped with the test."""
    started: list[Post] = []

    def start(**settings: Any) -> Post:
        started.append(Post(store, **settings))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def post(posts: Callable[..., Post]) -> Post:
    """Senders that are running."""
    return posts()
