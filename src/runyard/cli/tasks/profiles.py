"""`runyard tasks profile|set-profile|delete-profile`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import TaskId, json_object
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.ids import task_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import TaskProfile

PARTS = ("coordinator", "worker", "review", "participants", "sandbox", "runtime")


def get(task: TaskId, /, *, invocation: Given) -> None:
    """Show how a task's runs are to be done: who works, who judges, and in which surroundings."""
    with invocation.client() as client:
        _show(invocation, client.tasks.profile(task_id(client, task)))


def put(
    task: TaskId,
    /,
    *,
    spec: Annotated[str, Parameter(help=f"A JSON object with any of {', '.join(PARTS)}; or @FILE, or - for input.")],
    invocation: Given,
) -> None:
    """Give a task this profile in place of any other; refused while somebody has a run of it."""
    parts = json_object(spec, "--spec")
    if unknown := [name for name in parts if name not in PARTS]:
        raise usage(f"A profile has no part {unknown[0]!r}", f"It has {', '.join(PARTS)}.")
    with invocation.client() as client:
        _show(invocation, client.tasks.set_profile(task_id(client, task), **parts))


def delete(task: TaskId, /, *, yes: Yes = False, invocation: Given) -> None:
    """Take a task's profile away; refused while somebody has a run of it."""
    confirm(invocation, f"Take the profile of the task {task} away?", yes=yes)
    with invocation.client() as client:
        wanted = task_id(client, task)
        client.tasks.delete_profile(wanted)
    output.deleted(invocation, wanted)


def _show(invocation: Invocation, one: TaskProfile) -> None:
    fields: list[tuple[str, object]] = [("task", one.task_id)]
    for name in PARTS:
        said = {key: value for key, value in getattr(one, name).items() if value}
        fields.append((name, output.pretty(said) if said else None))
    output.one(invocation, one, [*fields, ("set", stamp(one.updated_at) or "never")], name=one.task_id)
