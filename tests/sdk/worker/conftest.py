"""A worker at work in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from runyard.sdk import Worker
from tests.sdk.fake_server import FakeServer

Running = Callable[[Worker], AbstractContextManager[threading.Thread]]


@pytest.fixture
def server() -> FakeServer:
    """A server in memory."""
    return FakeServer()


@pytest.fixture
def worker_of(server: FakeServer) -> Callable[..., Worker]:
    """A worker of that server."""

    def made(**settings: Any) -> Worker:
        return Worker("http://yard.test", "k", transport=server.transport, name="w", **settings)

    return made


@pytest.fixture
def running() -> Running:
    """Have a worker work until the block ends; then it has drained."""

    @contextmanager
    def work(worker: Worker) -> Iterator[threading.Thread]:
        raised: list[BaseException] = []

        def target() -> None:
            try:
                worker.run()
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=target)
        thread.start()
        try:
            yield thread
        finally:
            worker.stop()
            thread.join(20)
        assert not thread.is_alive()
        if raised:
            raise raised[0]

    return work
