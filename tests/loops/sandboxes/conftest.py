"""Sandboxes that a whole server opens, with agents that work over its own doors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from runyard.loops.runner import Runner
from runyard.loops.sandboxes import Executor, Ground
from runyard.loops.sandboxes.ground import Patience
from runyard.outbound.client import Client
from runyard.outbound.relay import Relay
from runyard.sandbox import sandboxes
from runyard.settings import Settings
from tests.dialects.posthog.client import Posthog, good, path_of, posthog
from tests.support.effort import THOROUGH
from tests.support.stand import Stand
from tests.support.stores import ENGINES
from tests.support.verbs import Json

DOUBLE = Path(__file__).with_name("double.py")
QUICK = Patience(ready=60.0, last_words=1.0, close=1.0, grace=0.5, again=0.05)


def double(how: str) -> str:
    """The command of a stand-in for the server in a sandbox, which behaves so."""
    return f"{sys.executable} -I -S {DOUBLE} {how}"


class Floor:
    """An executor of sandboxes at work on the loop of a server."""

    def __init__(self, stand: Stand, settings: Settings, patience: Patience) -> None:
        self.stand = stand
        self.posthog: Posthog = posthog(stand)
        self.settings = settings
        server = stand.server
        port = int(stand.url.rpartition(":")[2])
        ground = Ground(
            store=server.store,
            hub=server.hub,
            settings=settings,
            relay=Relay(Client(settings), settings),
            signed=server.signed,
            tokens=server.sandbox_tokens,
            address=lambda: ("127.0.0.1", port),
            patience=patience,
        )
        self.ground = ground
        self.executor = Executor(ground, worker="floor")
        self._runner: Runner | None = None

    def open(self) -> None:
        """Begin to claim."""
        self.stand.on_loop(self._open)

    async def _open(self) -> None:
        waiter = self.ground.hub.waiter(["executor:sandbox"])
        self.ground.hub.add(waiter)
        self._runner = Runner(self.executor.loops(waiter.wait))
        self._runner.start()

    def stop(self) -> None:
        """As a server does that is told to stop."""
        self.stand.on_loop(self._stop)

    async def _stop(self) -> None:
        await self.executor.stop()
        if self._runner is not None:
            await self._runner.stop()
        self.ground.relay.close()

    # Asking

    def ask(self, description: str = "say hello", *, repository: str | None = None, **said: Any) -> Json:
        """A queued run of a task that says this."""
        task = self.posthog.task("a task", description=description, repository=repository)
        return self.posthog.run(task, status="queued", **said)

    # Looking

    def reaches(self, run: Json, *states: str) -> Json:
        """The run once it shows one of these states."""
        self.until(lambda: self.posthog.see(run)["status"] in states)
        return self.posthog.see(run)

    def is_open(self, run: Json) -> Json:
        """The run once its sandbox is ready."""
        self.until(lambda: "sandbox_url" in self.posthog.see(run)["state"])
        return self.posthog.see(run)

    def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as the condition holds."""
        self.stand.until(condition)

    def idle(self) -> None:
        """Return when no sandbox is left, nor anything of one."""
        self.until(lambda: not self.executor.keeper.held)
        folder = self.ground.folder
        assert not folder.exists() or not list(folder.iterdir())

    def log(self, run: Json) -> list[Json]:
        """The entries of the run's log."""
        text = self.posthog.get(path_of(run, "logs")).text
        return [msgspec.json.decode(line) for line in text.splitlines()]

    def told(self, run: Json) -> list[str]:
        """What the server itself said in the run's log."""
        found = [entry["notification"] for entry in self.log(run)]
        return [one["params"]["message"] for one in found if one["method"] == "_posthog/console"]

    def updates(self, run: Json, kind: str) -> list[Json]:
        """The updates of a kind in the run's log."""
        found = [entry["notification"]["params"].get("update", {}) for entry in self.log(run)]
        return [update for update in found if update.get("sessionUpdate") == kind]

    def listed(self) -> list[Json]:
        """The open sandboxes, as operators see them."""
        found: list[Json] = good(self.stand.http.get("/runyard/v1/sandboxes", headers=self._admin))["data"]
        return found

    @property
    def _admin(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.stand.admin.key}"}


def processes(word: str) -> list[int]:
    """The processes of this machine whose command line holds the word."""
    found = psutil.process_iter(["cmdline"])
    return [one.pid for one in found if any(word in part for part in one.info["cmdline"] or ())]


Open = Callable[..., Floor]


@pytest.fixture(params=ENGINES if THOROUGH else ["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    """Sandboxes do not differ between the engines; what they do to runs is tried on both elsewhere."""
    return str(request.param)


@pytest.fixture
def floor(stand: Stand, tmp_path: Path) -> Iterator[Open]:
    """Opens an executor with these settings."""
    opened: list[Floor] = []

    def open_(*, patience: Patience = QUICK, **settings: Any) -> Floor:
        found = Settings(**{"data": tmp_path, "sandbox_isolation": "none", **settings})
        reason = sandboxes(found)
        if reason is not None:
            pytest.skip(reason)
        opened.append(Floor(stand, found, patience))
        opened[-1].open()
        return opened[-1]

    yield open_
    for one in opened:
        one.stop()
    for one in opened:
        one.idle()
