"""`runyard workspaces …`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, present
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Workspace

Named = Annotated[str, Parameter(name="WORKSPACE", help="Name or id of the workspace.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What may be said of a workspace; an empty text takes away."""

    name: Annotated[str | None, Parameter(help="What people call it.")] = None
    extra_dir: Annotated[
        list[str] | None, Parameter(help="A further directory of it (repeatable); '' alone stands for none.")
    ] = None
    default_agent: Annotated[str | None, Parameter(help="Name of the agent that is usually at work there.")] = None
    sandbox: Annotated[str | None, Parameter(help="Name of the sandbox that is usually used there.")] = None


NOTHING = Details()


def list_workspaces(*, limit: Limit = 50, invocation: Given) -> None:
    """List workspaces, newest first."""
    columns: list[output.Column] = [
        ("name", lambda one: one.name),
        ("directory", lambda one: one.root_dir),
        ("agent", lambda one: one.default_agent),
        ("sandbox", lambda one: one.sandbox),
        ("created", lambda one: stamp(one.created_at)),
        ("id", lambda one: one.id),
    ]
    with invocation.client() as client:
        output.many(invocation, client.workspaces.list(limit=limit), columns, empty="There are no workspaces.")


def get(workspace: Named, /, *, invocation: Given) -> None:
    """Show a workspace."""
    with invocation.client() as client:
        _show(invocation, client.workspaces.get(workspace))


def create(
    directory: Annotated[str, Parameter(help="Its root directory, which the server only keeps.")],
    /,
    *,
    details: Details = NOTHING,
    invocation: Given,
) -> None:
    """Make a workspace, named as the last part of its directory unless said otherwise."""
    with invocation.client() as client:
        _show(invocation, client.workspaces.create(directory, **_fields(details)))


def update(workspace: Named, /, *, details: Details = NOTHING, invocation: Given) -> None:
    """Change what a workspace says of itself; its directory stays."""
    if details == NOTHING:
        raise usage("Nothing to change is given.", "`runyard workspaces update --help` lists what can be.")
    with invocation.client() as client:
        _show(invocation, client.workspaces.update(workspace, **_fields(details)))


def delete(workspace: Named, /, *, yes: Yes = False, invocation: Given) -> None:
    """Delete a workspace that has no tasks, and no sessions that have not stopped."""
    confirm(invocation, f"Delete the workspace {workspace}?", yes=yes)
    with invocation.client() as client:
        client.workspaces.delete(workspace)
    output.deleted(invocation, workspace)


def _fields(given: Details) -> dict[str, Any]:
    extra = None if given.extra_dir is None else [path for path in given.extra_dir if path]
    return present(name=given.name, extra_dirs=extra, default_agent=given.default_agent, sandbox=given.sandbox)


def _show(invocation: Invocation, one: Workspace) -> None:
    fields: list[tuple[str, object]] = [
        ("name", one.name),
        ("id", one.id),
        ("directory", one.root_dir),
        ("also", "\n".join(one.extra_dirs)),
        ("agent", one.default_agent),
        ("sandbox", one.sandbox),
        ("created", stamp(one.created_at)),
        ("updated", stamp(one.updated_at)),
    ]
    output.one(invocation, one, fields, name=one.name)
