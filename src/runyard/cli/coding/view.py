"""How coding tasks and their runs look in tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from runyard.cli import output
from runyard.cli.invocation import Invocation
from runyard.cli.times import ago, now, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import CodingRun, CodingTask


def task_columns(invocation: Invocation) -> list[output.Column]:
    """The columns of a list of coding tasks."""
    when = _when(invocation)
    return [
        ("id", lambda task: task.id),
        ("number", lambda task: task.number),
        ("state", lambda task: task.latest_run.state if task.latest_run else ""),
        ("repository", lambda task: task.repository),
        ("run", lambda task: task.latest_run.run_id if task.latest_run else ""),
        ("updated", lambda task: when(task.updated_at)),
        ("title", lambda task: " ".join(task.title.split())),
    ]


def run_columns(invocation: Invocation) -> list[output.Column]:
    """The columns of a list of their runs."""
    when = _when(invocation)
    return [
        ("id", lambda run: run.run_id),
        ("number", lambda run: run.number),
        ("state", lambda run: run.state),
        ("where", _where),
        ("stage", lambda run: run.stage),
        ("branch", lambda run: run.branch),
        ("files", lambda run: len(run.manifest)),
        ("updated", lambda run: when(run.updated_at)),
    ]


def show_task(invocation: Invocation, task: CodingTask) -> None:
    """Print all about one coding task."""
    latest = task.latest_run
    fields: list[tuple[str, object]] = [
        ("id", task.id),
        ("number", task.number),
        ("title", task.title),
        ("repository", task.repository),
        ("product", task.product),
        ("description", task.description if task.is_titled or task.description != task.title else None),
        ("output schema", _json(task.output_schema)),
        ("latest run", latest.run_id if latest else None),
        ("state", latest.state if latest else None),
        ("created", stamp(task.created_at)),
        ("updated", stamp(task.updated_at)),
    ]
    output.one(invocation, task, fields, name=task.id)


def show_run(invocation: Invocation, run: CodingRun) -> None:
    """Print what stands beside a run; with `--quiet` its id."""
    files = "\n".join(f"{file.name}  {file.size} bytes  {file.kind}" for file in run.manifest)
    fields: list[tuple[str, object]] = [
        ("run", run.run_id),
        ("task", run.task_id),
        ("number", run.number),
        ("state", run.state),
        ("where", _where(run)),
        ("stage", run.stage),
        ("branch", run.branch),
        ("shared", _json(run.shared)),
        ("files", files or None),
        ("output", _json(run.output)),
        ("error", _json(run.error)),
        ("updated", stamp(run.updated_at)),
        ("finished", stamp(run.finished_at)),
    ]
    output.one(invocation, run, fields, name=run.run_id)


def _where(run: CodingRun) -> str:
    return "sandbox" if run.sandboxed else "outside"


def _json(value: Any) -> str | None:
    return output.pretty(value) if value else None


def _when(invocation: Invocation) -> Any:
    at = now()

    def when(moment: datetime | None) -> str:
        return ago(moment, at) if invocation.terminal else stamp(moment)

    return when
