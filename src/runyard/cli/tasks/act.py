"""`runyard tasks create|publish|start|approve|reject|pause|resume|cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Reason, TaskId, Workspace, json_value
from runyard.cli.failures import usage
from runyard.cli.ids import task_id
from runyard.cli.invocation import Given
from runyard.cli.tasks.view import show, show_asked

if TYPE_CHECKING:
    from runyard.sdk.task_fields import OwnerFields

KINDS = ("human", "agent_session", "automation", "extension", "network_peer", "pool")


def create(
    title: Annotated[str, Parameter(help="What is to be done, in a few words.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="Name of your choice; its id is then PROJECT~NAME.")] = None,
    description: Annotated[str | None, Parameter(help="What is to be done, at length.")] = None,
    workspace: Workspace = None,
    parent: Annotated[str | None, Parameter(help="The task it is a part of.")] = None,
    priority: Annotated[int | None, Parameter(help="0 to 10, higher first (4).")] = None,
    max_attempts: Annotated[int | None, Parameter(help="How many runs it may have at most, 1 to 10 (3).")] = None,
    approval: Annotated[
        Literal["none", "manual"] | None, Parameter(help="Whether somebody must approve it before it is worked on.")
    ] = None,
    auto_enqueue: Annotated[
        bool, Parameter(show_default=False, help="Queue a run as soon as what blocks it is gone.")
    ] = False,
    owner: Annotated[str | None, Parameter(help="Whose it is, as KIND:REF; pool:AGENT is any of its sessions.")] = None,
    channel: Annotated[str | None, Parameter(help="Only sessions of this channel are given it.")] = None,
    metadata: Annotated[str | None, Parameter(help="JSON to keep with it, @FILE, or - for input.")] = None,
    draft: Annotated[bool, Parameter(show_default=False, help="Nothing is done of it until it is published.")] = False,
    start: Annotated[bool, Parameter(show_default=False, help="Queue a run of it at once.")] = False,
    invocation: Given,
) -> None:
    """Make a task; nothing is queued by that, unless asked for."""
    if draft and start:
        raise usage("--draft and --start exclude each other", "`runyard tasks publish` queues a run of a draft.")
    given: dict[str, Any] = {
        "id": name,
        "description": description,
        "workspace": workspace,
        "priority": priority,
        "max_attempts": max_attempts,
        "approval_policy": approval,
        "auto_enqueue": auto_enqueue or None,
        "owner": None if owner is None else _owner(owner),
        "channel": channel,
        "metadata": None if metadata is None else json_value(metadata, "--metadata"),
        "draft": draft or None,
    }
    with invocation.client() as client:
        if parent is not None:
            given["parent_id"] = task_id(client, parent)
        made = client.tasks.create(title, **{word: value for word, value in given.items() if value is not None})
        if start:
            show_asked(invocation, client.tasks.start(made.id))
        else:
            show(invocation, made)
            if not invocation.json and made.status == "ready":
                output.note(invocation, f"`runyard tasks start {made.id}` queues a run of it.")


def publish(task: TaskId, /, *, invocation: Given) -> None:
    """Make a draft a task, and queue a run of it."""
    with invocation.client() as client:
        show_asked(invocation, client.tasks.publish(task_id(client, task)))


def start(task: TaskId, /, *, invocation: Given) -> None:
    """Queue a run of a task that nothing blocks."""
    with invocation.client() as client:
        show_asked(invocation, client.tasks.start(task_id(client, task)))


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


def _owner(text: str) -> OwnerFields:
    kind, _, ref = text.partition(":")
    if kind not in KINDS or not ref:
        raise usage(f"{text!r} is no owner", f"Write KIND:REF, where KIND is one of {', '.join(KINDS)}.")
    return cast("OwnerFields", {"kind": kind, "ref": ref})
