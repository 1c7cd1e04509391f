"""Servers that stop and die under clients, workers and followers that go on."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from runyard.sdk import Client, Context, Done, Event, RunyardError
from tests.e2e.conftest import Place, Working
from tests.e2e.processes import WorkerProcess, until

UNDONE = ("queued", "claimed", "running")


class Creator:
    """Asks for runs until it is told to stop, and remembers what was acknowledged."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.acknowledged: list[tuple[str, int]] = []
        self.failed: list[BaseException] = []
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._create)

    def __enter__(self) -> Creator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _create(self) -> None:
        try:
            n = 0
            while not self._enough.wait(0.01):
                made = self.client.runs.create_many([{"payload": n + more, "tags": ["load"]} for more in range(3)])
                self.acknowledged += [(run.id, n + more) for more, run in enumerate(made)]
                n += 3
        except BaseException as error:
            self.failed.append(error)


def followed(client: Client, run_id: str | None = None) -> tuple[threading.Thread, list[Any]]:
    """Follow the project from its beginning, or one run, in a thread."""
    items: list[Any] = []

    def follow() -> None:
        stream = client.stream(after=0) if run_id is None else client.runs.stream(run_id, after=0)
        for item in stream:
            items.append(item)
            if isinstance(item, Event) and item.data and item.data.get("reason") == "the end":
                return

    thread = threading.Thread(target=follow)
    thread.start()
    return thread, items


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_goes_and_comes_back(
    fragile: Place, working: Working, how: str
) -> None:
    server = fragile.server
    worker = fragile.worker(lease_seconds=2)

    @worker.fallback
    def echo(ctx: Context, payload: Any) -> Any:
        ctx.log(f"payload {payload}")
        return payload

    with (
        server.client(fragile.project, retries=20) as client,
        server.client(fragile.project, retries=20) as other,
        server.client(fragile.project, retries=20) as third,
    ):
        last = client.runs.create("last", queue="nobody's", executor="nobody")
        project, journal = followed(client)
        alone, story = followed(third, last.id)
        with working(worker), Creator(other) as creator:
            until(lambda: len(creator.acknowledged) >= 60)
            if how == "stop":
                assert server.stop() == 0
            else:
                server.kill()
            before = len(creator.acknowledged)
            server.start()
            until(lambda: len(creator.acknowledged) >= before + 60 or creator.failed)
            assert creator.failed == []
            creator.__exit__()
            until(lambda: not [*client.runs.list(state=UNDONE, tag="load", limit=1)], "a run is never completed")

        ended = {run.id: run.output for run in client.runs.list(tag="load")}
        assert ended == dict(creator.acknowledged), "what was acknowledged is there, and nothing else"
        completed = Counter(event.run_id for event in client.events(type="run.completed"))
        assert completed == Counter(ended.keys())

        last.cancel(reason="the end")
        for thread in (project, alone):
            thread.join(20)
            assert not thread.is_alive()
        told = [item.seq for item in journal if isinstance(item, Event)]
        assert told == [event.seq for event in client.events()], "the stream went on where it broke off"
        assert [item.type for item in story if isinstance(item, Event)] == ["run.created", "run.canceled"]


def test_a_worker_process_outlives_a_killed_server_and_reports_what_it_did_meanwhile(
    fragile: Place, tmp_path: Path
) -> None:
    server = fragile.server
    worker = WorkerProcess(server, fragile.project, tmp_path, name="patient", lease_seconds=60)
    try:
        worker.wait_ready()
        with server.client(fragile.project, retries=20) as client:
            run = client.runs.create({"gate": "open"}, job="hold")
            thread, items = followed(client, run.id)
            until(lambda: client.runs.get(run.id).state == "running")
            server.kill()
            # The handler ends while nobody listens.
            (tmp_path / "open").touch()
            until(lambda: '"end"' in (tmp_path / "notes.jsonl").read_text())
            server.start()
            ended = run.wait(timeout=30)
            thread.join(20)
        assert (ended.state, ended.output, ended.attempt) == ("completed", "patient", 1)
        assert isinstance(items[-1], Done)
        assert items[-1].state == "completed"
        kinds = [item.type for item in items if isinstance(item, Event)]
        assert kinds == ["run.created", "run.claimed", "run.started", "run.completed"]
        assert worker.stop() == 0
    finally:
        worker.kill()


def test_a_server_that_is_told_to_stop_ends_streams_and_long_polls_at_once(fragile: Place) -> None:
    server = fragile.server
    with server.client(fragile.project, retries=0) as client, server.client(fragile.project, retries=0) as other:
        run = other.runs.create(executor="nobody")
        with ThreadPoolExecutor(2) as threads:
            asked = threads.submit(client.runs.claim, wait_seconds=60)
            told = threads.submit(lambda: [*other.runs.stream(run.id, after=0)])
            until(lambda: server.metric("sse_followers") == 1)
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 3, "nobody had to be waited for"
            assert asked.result(5) == []
            with pytest.raises(RunyardError, match="closing"):
                told.result(5)
