"""Servers shared by many tests, each of which has a project to itself; and workers in threads."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runyard.sdk import Client, Worker
from tests.e2e.processes import Notes, ServerProcess
from tests.support.postgres import separate_database

_serial = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A project of its own on a running server."""

    server: ServerProcess
    project: str
    client: Client

    def worker(self, **settings: Any) -> Worker:
        """A worker for the project; it hears of a cancellation within half a second."""
        given = {"lease_seconds": 1.5, "wait_seconds": 5.0, **settings}
        return Worker(self.server.url, self.server.key, project=self.project, **given)


Working = Callable[[Worker], AbstractContextManager[None]]
OwnServer = Callable[..., ServerProcess]


class Fleet:
    """The servers of this test process, started when the first test needs them."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder = folder
        self._dsn = dsn
        self._shared: dict[str, ServerProcess] = {}

    def make(self, engine: str, **settings: Any) -> ServerProcess:
        """A server that is not started yet, with an empty database."""
        database = separate_database(self._dsn) if engine == "postgres" else None
        return ServerProcess(self.folder / f"server-{next(_serial)}", database=database, **settings)

    def shared(self, engine: str) -> ServerProcess:
        """The server for all tests that do not stop it."""
        if engine not in self._shared:
            self._shared[engine] = self.make(engine).start()
        return self._shared[engine]

    def reviewing(self, engine: str) -> ServerProcess:
        """The server with the built-in agents, which may read `roots`."""
        name = f"{engine} with agents"
        if name not in self._shared:
            self.roots.mkdir(exist_ok=True)
            self._shared[name] = self.make(engine, agents=True, review_roots=str(self.roots)).start()
        return self._shared[name]

    @property
    def roots(self) -> Path:
        """The folder whose repositories may be reviewed."""
        return self.folder / "roots"

    def close(self) -> None:
        """Stop them all; nothing may have gone wrong inside."""
        for server in self._shared.values():
            server.close()
        for server in self._shared.values():
            assert '"level":"error"' not in server.log(), server.log()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("RUNYARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNYARD_CREDENTIALS", str(tmp_path / "credentials.json"))


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, postgres_dsn: str) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("e2e"), postgres_dsn)
    yield fleet
    fleet.close()


@pytest.fixture
def place(fleet: Fleet, engine: str) -> Iterator[Place]:
    """An empty project on a server of each engine."""
    server = fleet.shared(engine)
    project = f"place-{next(_serial)}"
    with server.client() as admin:
        admin.projects.create(project)
    with server.client(project) as client:
        yield Place(server=server, project=project, client=client)


@pytest.fixture
def own_server(fleet: Fleet, engine: str) -> Iterator[ServerProcess]:
    """A server of each engine, to stop and to start."""
    server = fleet.make(engine).start()
    yield server
    server.close()


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    """What the handlers of worker processes whose folder is `tmp_path` write down."""
    return Notes(tmp_path)


@pytest.fixture
def working() -> Working:
    """Have a worker work in a thread until the block ends; then it has drained."""

    @contextmanager
    def work(worker: Worker) -> Iterator[None]:
        raised: list[BaseException] = []

        def target() -> None:
            try:
                worker.run()
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=target)
        thread.start()
        try:
            yield
        finally:
            worker.stop()
            thread.join(30)
        assert not thread.is_alive()
        if raised:
            raise raised[0]

    return work
