"""Which chat thread hears of a run, and what was to be said there."""

from __future__ import annotations

from runyard.domain.errors import Invalid, NotFound
from runyard.domain.threads import SLACK, Relay, Thread, problem_with
from runyard.engine import runs
from runyard.engine.coding import runs as coding_runs
from runyard.engine.coding import telling
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import threads as sql


def put(
    tx: Tx, project_id: int, run_id: str, *, channel: str, thread: str, mention: str | None = None, service: str = SLACK
) -> Thread:
    """Let the thread hear of the run from now on, in the place of another. Raises `NotFound` and `Invalid`."""
    if service != SLACK:
        raise Invalid(f"threads are of the service {SLACK!r}, not {service[:32]!r}")
    problem = problem_with(channel, thread, mention)
    if problem is not None:
        raise Invalid(problem)
    run = runs.find(tx, project_id, run_id)
    mapped = telling.mapped(tx, run, channel, thread, mention)
    sql.put(tx, mapped)
    telling.due(tx, [run])
    return mapped


def of_run(tx: Tx, project_id: int, run_id: str) -> Thread:
    """The thread that hears of the run. Raises `NotFound`."""
    found = sql.get(tx, [runs.find(tx, project_id, run_id).id]).get(run_id)
    if found is None:
        raise NotFound("no thread hears of this run")
    return found


def drop(tx: Tx, project_id: int, run_id: str) -> None:
    """Let no thread hear of the run; what is queued is dropped when its turn comes. Raises `NotFound`."""
    of_run(tx, project_id, run_id)
    sql.drop(tx, run_id)


def relays(tx: Tx, project_id: int, run_id: str, *, before: str | None = None, limit: int = 50) -> list[Relay]:
    """What was to be said of the run, newest first, from below the id on. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    return sql.of_run(tx, run_id, before=before or BEYOND, n=limit)


def say(tx: Tx, project_id: int, task_id: str, run_id: str, text: str) -> str | None:
    """Queue a message for the thread of a coding run; its id, or None when nobody would hear it. Raises `NotFound`."""
    return telling.say(tx, coding_runs.take(tx, project_id, task_id, run_id), text)
