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


class Fleet:
    """The servers of this test process, started when the first test needs them."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder = folder
        self._dsn = dsn
        self._kept: dict[str, ServerProcess] = {}

    def make(self, engine: str, **settings: Any) -> ServerProcess:
        """A server that is not started yet, with an empty database."""
        database = separate_database(self._dsn) if engine == "postgres" else None
        return ServerProcess(self.folder / f"server-{next(_serial)}", database=database, **settings)

    def shared(self, engine: str) -> ServerProcess:
        """The server for all tests that do not stop it; its reviewer may read `roots`, its jobs go to this machine."""
        if engine not in self._kept:
            self.roots.mkdir(exist_ok=True)
            # Coding runs stay queued: what is tried here is what people say, not what agents do with it.
            near = {"allow_private_endpoints": "1", "endpoint_ports": "*", "sandbox_isolation": "off"}
            self._kept[engine] = self.make(engine, agents=True, review_roots=str(self.roots), **near).start()
        return self._kept[engine]

    def fragile(self, engine: str) -> ServerProcess:
        """The server for tests that stop, kill and start it."""
        name = f"fragile {engine}"
        if name not in self._kept:
            self._kept[name] = self.make(engine)
        return self._kept[name].running()

    @property
    def roots(self) -> Path:
        """The folder whose repositories may be reviewed."""
        return self.folder / "roots"

    def close(self) -> None:
        """Stop them all; nothing may have gone wrong inside."""
        for server in self._kept.values():
            server.close()
        for server in self._kept.values():
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


@contextmanager
def _project_on(server: ServerProcess) -> Iterator[Place]:
    project = f"place-{next(_serial)}"
    with server.client() as admin:
        admin.projects.create(project)
    with server.client(project) as client:
        yield Place(server=server, project=project, client=client)


@pytest.fixture
def place(fleet: Fleet, engine: str) -> Iterator[Place]:
    """An empty project on a server of each engine."""
    with _project_on(fleet.shared(engine)) as place:
        yield place


@pytest.fixture
def fragile(fleet: Fleet, engine: str) -> Iterator[Place]:
    """An empty project on a server of each engine that the test may stop, kill and start."""
    with _project_on(fleet.fragile(engine)) as place:
        yield place


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
