"""`runyard tasks list|get|runs|tree|timeline|stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, TaskId, Workspace, present
from runyard.cli.ids import task_id
from runyard.cli.invocation import Given
from runyard.cli.tail import Follow, tail
from runyard.cli.tasks.view import columns, run_of, show
from runyard.cli.times import length, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runyard.sdk.models import TaskEvent, TaskNode, TaskTree

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
        given = present(
            status=status,
            workspace=workspace,
            parent=None if parent is None else task_id(client, parent),
            owner=owner,
            channel=channel,
            query=query,
            include_drafts=drafts or None,
        )
        found = client.tasks.list(limit=limit, **given)
        output.many(invocation, found, columns(invocation), empty="There are no such tasks.")


def get(task: TaskId, /, *, invocation: Given) -> None:
    """Show all about one task."""
    with invocation.client() as client:
        show(invocation, client.tasks.get(task_id(client, task)))


def runs(task: TaskId, /, *, invocation: Given) -> None:
    """List the runs of a task, newest first."""
    columns: list[output.Column] = [
        ("id", lambda run: run.id),
        ("state", run_of),
        ("attempt", lambda run: run.attempt),
        ("round", lambda run: run.round),
        ("by", lambda run: run.claimed_by.ref if run.claimed_by else ""),
        ("queued", lambda run: stamp(run.queued_at)),
        ("ended", lambda run: stamp(run.ended_at)),
    ]
    with invocation.client() as client:
        found = client.tasks.runs(task_id(client, task))
        output.many(invocation, found, columns, empty="The task has no runs.")


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


def timeline(task: TaskId, /, *, follow: Follow = False, limit: Limit = 1000, invocation: Given) -> None:
    """Print what happened to a task, oldest line first; followed, with all below it."""
    if follow:
        with invocation.client() as client:
            whole = task_id(client, task)
            tail(invocation, lambda: client.tasks.stream(whole), _line)
        return
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


def _line(line: TaskEvent) -> str:
    told = f"{stamp(line.at)}  {line.task_id}  {line.type}  by {line.actor.ref}"
    return f"{told}  {output.encoded(line.data).decode()}" if line.data else told


def stats(
    *,
    workspace: Workspace = None,
    owner: Annotated[str | None, Parameter(help="Only tasks of this owner.")] = None,
    channel: Annotated[str | None, Parameter(help="Only where task and run have this channel.")] = None,
    invocation: Given,
) -> None:
    """Say how all tasks stand, and whether anything is wrong with their runs."""
    with invocation.client() as client:
        found = client.tasks.stats(workspace=workspace, owner=owner, channel=channel)
    word = "healthy" if found.healthy else "not healthy"
    shown: list[tuple[str, object]] = [
        ("all in all", word),
        ("tasks", _counts(found.tasks)),
        ("wait for a yes", found.awaiting_approval),
        ("wait for others", found.awaiting_dependencies),
        ("paused", found.paused),
        ("runs", _counts(found.runs)),
        ("stuck runs", found.stuck_runs),
        ("orphaned runs", found.orphan_runs),
        ("backlog", found.backlog),
        ("forced stops", found.forced_stops),
        ("to a claim", length(found.time_to_claim.mean_seconds)),
        ("to a start", length(found.time_to_start.mean_seconds)),
        ("active", stamp(found.active_at)),
    ]
    output.one(invocation, found, shown, name=word)


def _counts(by: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in by.items() if count)


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
