"""`runyard scheduler …`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, Workspace
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure
from runyard.cli.ids import workspace_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import seconds, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Scheduler

Why = Annotated[str | None, Parameter(name="--reason", help="Why; shown while it is paused.")]


def status(*, invocation: Given) -> None:
    """Show whether queued runs of tasks are handed out, and how many there are."""
    with invocation.client() as client:
        _show(invocation, client.scheduler.status())


def pause(*, reason: Why = None, invocation: Given) -> None:
    """Hand out no run of a task until it is resumed; what is under way goes on."""
    with invocation.client() as client:
        _show(invocation, client.scheduler.pause(reason=reason))


def resume(*, invocation: Given) -> None:
    """Hand out what is queued."""
    with invocation.client() as client:
        _show(invocation, client.scheduler.resume())


def drain(
    *,
    reason: Why = None,
    timeout: Annotated[str, Parameter(help="How long to wait; 0s looks once.")] = "60s",
    invocation: Given,
) -> None:
    """Pause, and wait until nobody has a run of a task any more."""
    patience = math.ceil(seconds(timeout))
    with invocation.client() as client:
        drained = client.scheduler.drain(reason=reason, timeout_seconds=patience)
    if not drained.completed:
        raise Failure(
            f"{drained.scheduler.active_runs} runs of tasks were still under way after {timeout}.",
            code="timed_out",
            hint="The scheduler stays paused; `runyard scheduler resume` lets it go on.",
            retryable=True,
            exit=Exit.TIMED_OUT,
        )
    _show(invocation, drained.scheduler)


def backlog(
    *,
    workspace: Workspace = None,
    paused: Annotated[bool, Parameter(show_default=False, help="Also what a pause of its task holds up.")] = False,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List queued runs of tasks in the order in which they are handed out."""
    columns: list[output.Column] = [
        ("run", lambda one: one.run_id),
        ("task", lambda one: one.task_id),
        ("priority", lambda one: one.priority),
        ("attempt", lambda one: one.attempt),
        ("queued", lambda one: stamp(one.queued_at)),
        ("held back by", lambda one: one.held_by),
        ("title", lambda one: " ".join(one.title.split())),
    ]
    with invocation.client() as client:
        place = None if workspace is None else workspace_id(client, workspace)
        found = client.scheduler.backlog(workspace_id=place, include_paused=paused or None, limit=limit)
    output.many(invocation, found.data, columns, empty="No run of a task is queued.")
    if found.total > len(found.data):
        output.note(invocation, f"{len(found.data)} of {found.total}.")


def _show(invocation: Invocation, found: Scheduler) -> None:
    word = "paused" if found.paused else "running"
    fields: list[tuple[str, object]] = [
        ("scheduler", word),
        ("paused by", found.paused_by),
        ("paused", stamp(found.paused_at)),
        ("reason", found.paused_reason),
        ("under way", found.active_runs),
        ("queued", found.queued_runs),
        ("starved", found.starved_runs),
        ("need attention", found.runs_that_need_attention),
        ("paused tasks", found.paused_tasks),
    ]
    output.one(invocation, found, fields, name=word)
