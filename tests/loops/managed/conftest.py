"""An executor of managed runs at work over each store, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import msgspec
import pytest

from runyard.domain.jobs import Managed
from runyard.domain.records import LogEntry, Run
from runyard.domain.traces import Usage
from runyard.engine import logs, usage
from runyard.loops.managed import Executor, Ground
from runyard.loops.runner import Runner
from runyard.sandbox import available
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.streams.hub import Hub
from tests.e2e.processes import until
from tests.support.stores import AnyStore
from tests.support.yard import Known, Yard, id_of

NOWHERE = ("127.0.0.1", 9)


class Floor:
    """Managed runs as tests speak of them."""

    def __init__(self, yard: Yard, settings: Settings, *, grace: float = 0.5) -> None:
        self.yard = yard
        self.vault = Vault("a secret key that only tests know of")
        self.executor: Executor
        self._loop = asyncio.new_event_loop()
        self._settings = settings
        self._grace = grace
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._work, name="floor")
        self.walled = settings.managed_isolation != "none"

    def open(self) -> None:
        """Begin to claim."""
        self._thread.start()
        assert self._open.wait(10)

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        store: AnyStore = self.yard.store  # type: ignore[assignment]
        hub = Hub()
        store.subscribe(hub.publish)
        self._end = asyncio.Event()
        ground = Ground(
            store=store,
            hub=hub,
            vault=self.vault,
            settings=self._settings,
            token=lambda run: f"token of {run.id}",
            address=lambda: NOWHERE,
            grace=self._grace,
        )
        self.executor = Executor(ground, worker="floor")
        waiter = hub.waiter(["executor:managed"])
        hub.add(waiter)
        wait: Callable[[float], Awaitable[object]] = waiter.wait
        runner = Runner(self.executor.loops(wait))
        runner.start()
        self._open.set()
        await self._end.wait()
        await self.executor.stop()
        await runner.stop()

    def stop(self) -> None:
        """As a server does that is told to stop."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(30)
            assert not self._thread.is_alive()

    # Asking

    def job(self, image: str, *, preset: str = "micro", name: str = "job", **spec: Any) -> None:
        """A managed job that runs the image."""
        self.yard.job(name, executor="managed", managed=Managed(image=image, preset=preset), **spec)

    def ask(self, *, job: str = "job", **new: Any) -> Run:
        """A run of the job."""
        return self.yard.create(job=job, **new)

    def python(self, source: str, *, preset: str = "micro", policy: dict[str, Any] | None = None, **new: Any) -> Run:
        """A run of a job that is this Python program."""
        quoted = source.replace("'", "'\\''")
        self.job(f"command: python3 -c '{quoted}'", preset=preset)
        return self.ask(policy=policy or {}, **new)

    # Looking

    def state(self, run: Known) -> str:
        """The run's state."""
        return self.yard.state(run).value

    def reaches(self, run: Known, *states: str) -> Run:
        """The run once it is in one of the states."""
        until(lambda: self.state(run) in states, f"the run did not become {states}", seconds=20)
        return self.yard.run(run)

    def idle(self) -> None:
        """Return when no program is left."""
        until(lambda: not self.executor.keeper.held, "a program is still held", seconds=20)

    def log(self, run: Known) -> list[LogEntry]:
        """The run's log."""
        return self.yard.store.look(logs.of_run, self.yard.project_id, id_of(run), limit=1000).rows

    def printed(self, run: Known) -> list[str]:
        """What the program printed."""
        return [entry.message for entry in self.log(run) if entry.type == "log"]

    def says(self, run: Known, line: str) -> None:
        """Return when the program has printed the line."""
        until(lambda: line in self.printed(run), f"{line!r} was not printed", seconds=20)

    def usage(self, run: Known) -> list[Usage]:
        """The run's usage."""
        return self.yard.store.look(usage.of_run, self.yard.project_id, id_of(run)).rows

    def error(self, run: Known) -> dict[str, Any]:
        """The run's error."""
        found: dict[str, Any] = msgspec.json.decode(self.yard.run(run).error or "{}")
        return found


PLACES: list[tuple[str, Literal["auto", "none"]]] = [("sqlite", "auto"), ("sqlite", "none"), ("postgres", "none")]


@pytest.fixture(params=PLACES, ids="-".join)
def place(request: pytest.FixtureRequest) -> tuple[str, Literal["auto", "none"]]:
    """Which engine, and how programs are shut in."""
    engine, isolation = request.param
    reason = available(Settings(managed_isolation=isolation))
    if reason is not None:
        pytest.skip(reason)
    return engine, isolation


@pytest.fixture
def engine(place: tuple[str, Literal["auto", "none"]]) -> str:
    """Which engine the test runs on."""
    return place[0]


@pytest.fixture
def floor(yard: Yard, place: tuple[str, Literal["auto", "none"]]) -> Iterator[Floor]:
    """An executor at work."""
    floor = Floor(yard, Settings(managed_isolation=place[1]))
    floor.open()
    yield floor
    floor.stop()
