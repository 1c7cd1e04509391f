"""`runyard tasks inspect`, `runyard task-runs inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runyard.cli import output
from runyard.cli.arguments import RunId, TaskId
from runyard.cli.ids import run_id, task_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.tasks.view import run_of, waits_for
from runyard.cli.times import length, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Inspection


def task(task: TaskId, /, *, invocation: Given) -> None:
    """Show where a task stands, what is wrong with its latest run, and what it waits for."""
    with invocation.client() as client:
        _show(invocation, client.tasks.inspect(task_id(client, task)))


def run(run: RunId, /, *, invocation: Given) -> None:
    """Show where a run of a task stands, and what is wrong with it."""
    with invocation.client() as client:
        _show(invocation, client.task_runs.inspect(run_id(client, run)))


def _show(invocation: Invocation, seen: Inspection) -> None:
    session = seen.session
    fields: list[tuple[str, object]] = [
        ("next", seen.next.replace("_", " ")),
        ("wrong", "\n".join(f"{one.trouble} {output.pretty(one.evidence)}" for one in seen.findings) or "nothing"),
        ("task", seen.task.id),
        ("title", seen.task.title),
        ("status", seen.task.status),
        ("waits for", waits_for(seen.task)),
        ("run", seen.run.id if seen.run else None),
        ("state", run_of(seen.run)),
        ("session", f"{session.id} ({session.state})" if session else None),
        ("silent for", length(seen.silent_seconds)),
        ("scheduler", "paused" if seen.scheduler_paused else None),
        ("runs", "\n".join(f"{one.id}  {run_of(one)}" for one in seen.recent_runs)),
        ("lately", "\n".join(f"{stamp(one.at)}  {one.type}" for one in seen.recent_events)),
    ]
    output.one(invocation, seen, fields, name=seen.next)
