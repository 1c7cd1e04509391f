"""`runyard coding list|get|runs`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, TaskId, words
from runyard.cli.coding.view import run_columns, show_task, task_columns
from runyard.cli.ids import coding_task_id
from runyard.cli.invocation import Given


def list_coding_tasks(
    *,
    state: Annotated[
        list[str] | None, Parameter(help="States of the latest run, repeated or joined by commas.")
    ] = None,
    repository: Annotated[str | None, Parameter(help="`owner/name`, or the name alone.")] = None,
    product: Annotated[str | None, Parameter(help="Only tasks that came from there.")] = None,
    stage: Annotated[str | None, Parameter(help="Only tasks with a run that is or was in this stage.")] = None,
    query: Annotated[str | None, Parameter(help="A part of the title or the description.")] = None,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List coding tasks, newest first, with how their latest runs stand."""
    with invocation.client() as client:
        found = client.coding_tasks.list(
            state=words(state), repository=repository, product=product, stage=stage, text=query, limit=limit
        )
        output.many(invocation, found, task_columns(invocation), empty="There are no such coding tasks.")


def get(task: TaskId, /, *, invocation: Given) -> None:
    """Show all about one coding task and its latest run."""
    with invocation.client() as client:
        show_task(invocation, client.coding_tasks.get(coding_task_id(client, task)))


def runs(task: TaskId, /, *, limit: Limit = 50, invocation: Given) -> None:
    """List the runs of a coding task, newest first."""
    with invocation.client() as client:
        found = client.coding_tasks.runs(coding_task_id(client, task), limit=limit)
        output.many(invocation, found, run_columns(invocation), empty="The task has no runs.")
