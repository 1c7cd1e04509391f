"""Worker processes that are killed, told to stop, and that share a job's limits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from runyard.sdk import Client, Run
from tests.e2e.conftest import Place
from tests.e2e.processes import Notes, WorkerProcess, until


def events(client: Client, run: Run) -> list[str]:
    """The types of the run's events."""
    return [event.type for event in client.runs.events(run.id)]


def states(runs: Iterable[Run]) -> set[str]:
    """The states the runs are in now."""
    return {run.refresh().state for run in runs}


@pytest.fixture
def crew(place: Place, tmp_path: Path) -> Any:
    """Makes worker processes for the project, killed in the end."""
    started: list[WorkerProcess] = []

    def make(name: str, **settings: Any) -> WorkerProcess:
        worker = WorkerProcess(place.server, place.project, tmp_path, name=name, **{"prefetch": 0, **settings})
        started.append(worker)
        return worker

    yield make
    for worker in started:
        worker.kill()


def test_another_worker_takes_over_from_a_killed_one_and_every_run_is_completed_once(
    place: Place, crew: Any, notes: Notes
) -> None:
    doomed = crew("doomed", concurrency=4, lease_seconds=1)
    heir = crew("heir", concurrency=4, lease_seconds=1)
    doomed.wait_ready()
    heir.wait_ready()
    runs = place.client.runs.create_many([{"job": "hold", "payload": {"gate": "open"}}] * 8)
    until(lambda: len(notes.runs("begin")) == 8)
    orphans = set(notes.runs("begin", doomed.pid))
    assert len(orphans) == 4

    doomed.kill()
    notes.open("open")
    until(lambda: states(runs) == {"completed"})

    assert sorted(notes.runs("end")) == sorted(run.id for run in runs)
    for run in runs:
        assert run.refresh().output == "heir"
        said = events(place.client, run)
        assert said.count("run.completed") == 1
        assert said.count("run.lease_expired") == (1 if run.id in orphans else 0)
        tries = list(place.client.runs.attempts(run.id))
        assert [one.worker for one in tries] == (["doomed", "heir"] if run.id in orphans else ["heir"])
    assert heir.stop() == 0


def test_a_worker_told_to_stop_finishes_what_it_can_and_gives_back_the_rest_at_once(
    place: Place, crew: Any, notes: Notes
) -> None:
    # With a lease of an hour, nothing that is done within this test was waiting for one to expire.
    leaving = crew("leaving", concurrency=2, prefetch=2, lease_seconds=3600, drain_seconds=1).wait_ready()
    short, long, *reserve = place.client.runs.create_many(
        [{"job": "hold", "payload": {"gate": gate}} for gate in ("soon", "never", "late", "late")]
    )
    until(lambda: len(notes.runs("begin")) == 2)
    until(lambda: states(reserve) == {"claimed"})
    leaving.terminate()
    until(lambda: states(reserve) == {"queued"}, "what was not begun is given back without delay")
    assert long.refresh().state == "running"
    notes.open("soon")
    assert leaving.wait() == 0

    assert short.refresh().state == "completed"
    given_back = long.refresh()
    assert (given_back.state, given_back.lease) == ("queued", None)
    notes.open("never")
    notes.open("late")
    crew("staying", lease_seconds=3600)
    until(lambda: states([long, *reserve]) == {"completed"})
    assert {(run.output, run.attempt) for run in map(Run.refresh, (long, *reserve))} == {("staying", 1)}
    assert "run.lease_expired" not in [event.type for event in place.client.events()]


def test_two_workers_together_never_exceed_the_limits_of_a_job(place: Place, crew: Any, notes: Notes) -> None:
    for worker in (crew("one", concurrency=2), crew("two", concurrency=2)):
        worker.wait_ready()
    runs = place.client.runs.create_many(
        [{"job": "narrow", "payload": {"gate": "open"}, "concurrency_key": f"key-{n % 4}"} for n in range(40)]
    )
    until(lambda: len(notes.runs("begin")) == 3)
    notes.open("open")
    until(lambda: len(notes.runs("end")) == 40)
    until(lambda: states(runs) == {"completed"})

    assert most_at_once(notes.all()) == 3
    for key in {note["key"] for note in notes.all()}:
        assert most_at_once([note for note in notes.all() if note["key"] == key]) == 1
    assert len({note["pid"] for note in notes.all()}) == 2


def most_at_once(notes: Iterable[Any]) -> int:
    """How many handlers were at work at one time."""
    now = most = 0
    for note in sorted(notes, key=lambda note: note["at"]):
        now += 1 if note["what"] == "begin" else -1
        most = max(most, now)
    return most
