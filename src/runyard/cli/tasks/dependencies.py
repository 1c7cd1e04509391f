"""`runyard tasks dependencies|add-dependency|remove-dependency`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import TaskId
from runyard.cli.ids import task_id
from runyard.cli.invocation import Given
from runyard.cli.tasks.view import show
from runyard.cli.times import stamp

Other = Annotated[str, Parameter(name="OTHER", help="The task that it waits for, named in the same ways.")]


def list_dependencies(task: TaskId, /, *, invocation: Given) -> None:
    """List the tasks that a task waits for."""
    columns: list[output.Column] = [
        ("id", lambda one: one.task_id),
        ("status", lambda one: one.status),
        ("since", lambda one: stamp(one.created_at)),
        ("title", lambda one: " ".join(one.title.split())),
    ]
    with invocation.client() as client:
        found = client.tasks.dependencies(task_id(client, task))
        output.many(invocation, found, columns, empty="The task waits for no others.")


def add(task: TaskId, other: Other, /, *, invocation: Given) -> None:
    """Let a task wait until another one is completed."""
    with invocation.client() as client:
        show(invocation, client.tasks.add_dependency(task_id(client, task), task_id(client, other)))


def remove(task: TaskId, other: Other, /, *, invocation: Given) -> None:
    """Let a task wait for another one no longer; nothing else in the way, it is ready."""
    with invocation.client() as client:
        show(invocation, client.tasks.remove_dependency(task_id(client, task), task_id(client, other)))
