"""How tasks look in tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from runyard.cli import output
from runyard.cli.invocation import Invocation
from runyard.cli.times import ago, now, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import AskedRun, Task, TaskRun


def columns(invocation: Invocation) -> list[output.Column]:
    """The columns of a list of tasks; times are relative where a person reads them."""
    at = now()

    def when(moment: datetime | None) -> str:
        return ago(moment, at) if invocation.terminal else stamp(moment)

    return [
        ("id", lambda task: task.id),
        ("status", lambda task: task.status),
        ("priority", lambda task: task.priority),
        ("attempts", lambda task: f"{task.attempts}/{task.max_attempts}"),
        ("owner", lambda task: task.owner.ref if task.owner else ""),
        ("active", lambda task: when(task.active_at)),
        ("title", lambda task: " ".join(task.title.split())),
    ]


def show(invocation: Invocation, task: Task) -> None:
    """Print all about one task."""
    output.one(invocation, task, fields(task), name=task.id)


def show_asked(invocation: Invocation, asked: AskedRun) -> None:
    """Print a run that was asked for, and how its task stands now; with `--quiet` the id of the run."""
    run, task = asked.run, asked.task
    shown: list[tuple[str, object]] = [
        ("run", run.id),
        ("state", run.state),
        ("held back by", run.hold),
        ("attempt", f"{run.attempt} of {task.max_attempts}"),
        ("task", task.id),
        ("status", task.status),
        ("title", task.title),
    ]
    output.one(invocation, asked, shown, name=run.id)


def fields(task: Task) -> list[tuple[str, object]]:
    """What a person wants to know of a task."""
    return [
        ("id", task.id),
        ("title", task.title),
        ("status", task.status),
        ("waits for", waits_for(task)),
        ("identifier", task.identifier),
        ("description", task.description),
        ("workspace", task.workspace_id),
        ("parent", task.parent_id),
        ("children", task.children or None),
        ("dependencies", f"{task.dependencies}, {task.unmet} not completed" if task.dependencies else None),
        ("priority", task.priority),
        ("attempts", f"{task.attempts} of {task.max_attempts}"),
        ("approval", task.approval_state if task.approval_policy != "none" else None),
        ("owner", f"{task.owner.kind}:{task.owner.ref}" if task.owner else None),
        ("channel", task.channel),
        ("open run", task.open_run_id),
        ("last run", task.last_run_id),
        ("made by", task.created_by.ref),
        ("created", stamp(task.created_at)),
        ("active", stamp(task.active_at)),
        ("closed", stamp(task.closed_at)),
        ("metadata", None if task.metadata is None else output.pretty(task.metadata)),
    ]


def waits_for(task: Task) -> str:
    """What keeps a task from being worked on, on one line; nothing where it is free."""
    reasons = []
    if task.status == "blocked" and task.approval_policy != "none" and task.approval_state != "approved":
        reasons.append(
            "an approval" if task.approval_state == "pending" else "another approval policy: it was rejected"
        )
    if task.unmet:
        reasons.append(f"{task.unmet} other task{'s' if task.unmet > 1 else ''}")
    if task.held_up_by:
        own = task.held_up_by == task.id
        reasons.append(
            f"the end of a pause: {task.paused_reason}" if own else f"the end of a pause of {task.held_up_by}"
        )
    return "; ".join(reasons)


def run_of(run: TaskRun | None) -> str:
    """The state of a task's run, and what holds it."""
    if run is None:
        return ""
    return f"{run.state} ({run.hold})" if run.hold else run.state
