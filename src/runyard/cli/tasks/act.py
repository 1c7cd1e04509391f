"""`runyard tasks create|update|publish|start|enqueue|approve|reject|pause|resume|cancel|delete|triage`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Reason, TaskId, Workspace, present
from runyard.cli.confirm import Yes, confirm
from runyard.cli.each import each
from runyard.cli.failures import usage
from runyard.cli.ids import task_id
from runyard.cli.invocation import Given
from runyard.cli.tasks.details import NOTHING, Details, fields
from runyard.cli.tasks.view import show, show_asked

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import Triage


def create(
    title: Annotated[str, Parameter(help="What is to be done, in a few words.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="Name of your choice; its id is then PROJECT~NAME.")] = None,
    workspace: Workspace = None,
    parent: Annotated[str | None, Parameter(help="The task it is a part of.")] = None,
    details: Details = NOTHING,
    draft: Annotated[bool, Parameter(show_default=False, help="Nothing is done of it until it is published.")] = False,
    start: Annotated[bool, Parameter(show_default=False, help="Queue a run of it at once.")] = False,
    invocation: Given,
) -> None:
    """Make a task; nothing is queued by that, unless asked for."""
    if draft and start:
        raise usage("--draft and --start exclude each other", "`runyard tasks publish` queues a run of a draft.")
    given = fields(details) | present(id=name, workspace=workspace, draft=draft or None)
    with invocation.client() as client:
        if parent is not None:
            given["parent_id"] = task_id(client, parent)
        made = client.tasks.create(title, **given)
        if start:
            show_asked(invocation, client.tasks.start(made.id))
        else:
            show(invocation, made)
            if not invocation.json and made.status == "ready":
                output.note(invocation, f"`runyard tasks start {made.id}` queues a run of it.")


def update(
    task: TaskId,
    /,
    *,
    title: Annotated[str | None, Parameter(help="What is to be done, in a few words.")] = None,
    details: Details = NOTHING,
    invocation: Given,
) -> None:
    """Change what a task says of itself; its status and its queued run follow."""
    given = fields(details) | present(title=title)
    if not given:
        raise usage("Nothing to change is given.", "`runyard tasks update --help` lists what can be.")
    with invocation.client() as client:
        show(invocation, client.tasks.update(task_id(client, task), **given))


def publish(task: TaskId, /, *, invocation: Given) -> None:
    """Make a draft a task, and queue a run of it."""
    with invocation.client() as client:
        show_asked(invocation, client.tasks.publish(task_id(client, task)))


def start(task: TaskId, /, *, invocation: Given) -> None:
    """Queue a run of a task that nothing blocks."""
    with invocation.client() as client:
        show_asked(invocation, client.tasks.start(task_id(client, task)))


def enqueue(task: TaskId, /, *, invocation: Given) -> None:
    """Queue a run of a task, which is handed out once nothing blocks or pauses the task."""
    with invocation.client() as client:
        show_asked(invocation, client.tasks.enqueue(task_id(client, task)))


def approve(task: TaskId, /, *, invocation: Given) -> None:
    """Say yes to a task that waits for it, and queue a run of it."""
    with invocation.client() as client:
        show_asked(invocation, client.tasks.approve(task_id(client, task)))


def reject(task: TaskId, /, *, invocation: Given) -> None:
    """Say no to a task that waits for a yes; it stays blocked."""
    with invocation.client() as client:
        show(invocation, client.tasks.reject(task_id(client, task)))


def pause(
    task: TaskId, /, *, reason: Annotated[str, Parameter(help="Why; kept in the timeline.")], invocation: Given
) -> None:
    """Hand out nothing of a task and of those below it; what is worked on goes on."""
    with invocation.client() as client:
        show(invocation, client.tasks.pause(task_id(client, task), reason=reason))


def resume(task: TaskId, /, *, invocation: Given) -> None:
    """Lift a task's own pause."""
    with invocation.client() as client:
        show(invocation, client.tasks.resume(task_id(client, task)))


def cancel(task: TaskId, /, *, reason: Reason = None, invocation: Given) -> None:
    """Cancel a task with its run, and all below it that has not ended."""
    with invocation.client() as client:
        show(invocation, client.tasks.cancel(task_id(client, task), reason=reason))


def delete(task: TaskId, /, *, yes: Yes = False, invocation: Given) -> None:
    """Delete a task that has no children and no run under way, with its runs and everything else of it."""
    confirm(invocation, f"Delete the task {task} with its runs?", yes=yes)
    with invocation.client() as client:
        wanted = task_id(client, task)
        client.tasks.delete(wanted)
    output.deleted(invocation, wanted)


def triage(
    verb: Annotated[
        Literal["read", "dismiss", "archive"],
        Parameter(help="`read` and `dismiss` hold until something happens to a task, `archive` for good."),
    ],
    /,
    *task: Annotated[str, Parameter(name="TASK", help="Ids of tasks, or enough of their beginnings or ends.")],
    invocation: Given,
) -> int:
    """Say what you have seen of tasks in your inbox, or put them out of your sight; nobody else notices."""

    def act(client: Client, text: str) -> Triage:
        verbs = {"read": client.inbox.read, "dismiss": client.inbox.dismiss, "archive": client.inbox.archive}
        return verbs[verb](task_id(client, text))

    return each(invocation, "task", task, act, _seen)


def _seen(_: Sequence[Triage]) -> list[output.Column]:
    return [
        ("task", lambda one: one.task_id),
        ("read", lambda one: one.read),
        ("dismissed", lambda one: one.dismissed),
        ("archived", lambda one: one.archived),
    ]
