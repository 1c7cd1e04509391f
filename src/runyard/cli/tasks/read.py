"""`runyard tasks list|get|tree|timeline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, TaskId, Workspace
from runyard.cli.ids import task_id
from runyard.cli.invocation import Given
from runyard.cli.tasks.view import columns, run_of, show
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runyard.sdk.models import TaskNode, TaskTree

Status = Literal["draft", "pending", "blocked", "ready", "in_progress", "completed", "failed", "canceled"]


def list_tasks(
    *,
    status: Annotated[Status | None, Parameter(help="Only tasks that stand so.")] = None,
    workspace: Workspace = None,
    parent: Annotated[str | None, Parameter(help="Only tasks directly below this one.")] = None,
    owner: Annotated[str | None, Parameter(help="Only tasks of this owner.")] = None,
    channel: Annotated[str | None, Parameter(help="Only tasks of this channel.")] = None,
    query: Annotated[str | None, Parameter(help="A part of the title or the identifier.")] = None,
    drafts: Annotated[bool, Parameter(show_default=False, help="Drafts too.")] = False,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List tasks, the latest activity first."""
    with invocation.client() as client:
        given: dict[str, Any] = {
            "status": status,
            "workspace": workspace,
            "parent": None if parent is None else task_id(client, parent),
            "owner": owner,
            "channel": channel,
            "query": query,
            "include_drafts": drafts or None,
        }
        found = client.tasks.list(limit=limit, **{name: value for name, value in given.items() if value is not None})
        output.many(invocation, found, columns(invocation), empty="There are no such tasks.")


def get(task: TaskId, /, *, invocation: Given) -> None:
    """Show all about one task."""
    with invocation.client() as client:
        show(invocation, client.tasks.get(task_id(client, task)))


def tree(task: TaskId, /, *, invocation: Given) -> None:
    """Show a task with all below it, and what runs of them."""
    with invocation.client() as client:
        found = client.tasks.tree(task_id(client, task))
    if invocation.json:
        output.one(invocation, found, [])
        return
    drawn: list[output.Column] = [
        ("id", lambda node: node.task.id),
        ("status", lambda node: node.task.status),
        ("run", lambda node: run_of(node.open_run)),
        ("title", lambda node: "  " * node.depth + " ".join(node.task.title.split())),
    ]
    output.many(invocation, downward(found), drawn, empty="")


def timeline(task: TaskId, /, *, limit: Limit = 1000, invocation: Given) -> None:
    """Print what happened to a task, oldest line first."""
    drawn: list[output.Column] = [
        ("seq", lambda line: line.seq),
        ("at", lambda line: stamp(line.at)),
        ("event", lambda line: line.type),
        ("by", lambda line: line.actor.ref),
        ("run", lambda line: line.run_id),
        ("data", lambda line: output.encoded(line.data).decode() if line.data else ""),
    ]
    with invocation.client() as client:
        found = client.tasks.timeline(task_id(client, task), limit=limit)
        output.many(invocation, found, drawn, empty="Nothing happened yet.")


def downward(tree: TaskTree) -> Iterator[TaskNode]:
    """Each task with those below it right after it."""
    below: dict[str | None, list[TaskNode]] = {}
    for node in tree.below:
        below.setdefault(node.task.parent_id, []).append(node)
    waiting = [tree.root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(below.get(node.task.id, ())))
