"""`runyard projects …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, json_object
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.fields import ProjectSettings
    from runyard.sdk.models import Project

Wanted = Annotated[str, Parameter(name="PROJECT", help="Slug or number of the project.")]
Name = Annotated[str | None, Parameter(help="What people call it.")]
Settings = Annotated[
    str | None, Parameter(help='Its limits, such as {"max_running": 10}: a JSON object, @FILE, or - for input.')
]


def list_projects(*, limit: Limit = 50, invocation: Given) -> None:
    """List projects."""
    columns: list[output.Column] = [
        ("slug", lambda project: project.slug),
        ("number", lambda project: project.number),
        ("name", lambda project: project.name),
        ("created", lambda project: stamp(project.created_at)),
    ]
    with invocation.client() as client:
        output.many(invocation, client.projects.list(limit=limit), columns, empty="There are no projects.")


def get(project: Wanted, /, *, invocation: Given) -> None:
    """Show a project and its limits."""
    with invocation.client() as client:
        _show(invocation, client.projects.get(project))


def create(
    slug: Annotated[str, Parameter(help="Letters, digits, and . _ - between them.")],
    /,
    *,
    name: Name = None,
    settings: Settings = None,
    invocation: Given,
) -> None:
    """Make a project."""
    limits = _settings(settings)
    with invocation.client() as client:
        _show(invocation, client.projects.create(slug, name=name, settings=limits))


def update(project: Wanted, /, *, name: Name = None, settings: Settings = None, invocation: Given) -> None:
    """Change what a project is called or limits; settings that are not named stay as they are."""
    if name is None and settings is None:
        raise usage("Nothing to change is given.", "`runyard projects update --help` lists what can be.")
    limits = _settings(settings)
    with invocation.client() as client:
        _show(invocation, client.projects.update(project, name=name, settings=limits))


def delete(project: Wanted, /, *, yes: Yes = False, invocation: Given) -> None:
    """Delete a project none of whose runs is live: its keys end at once, and everything of it goes."""
    confirm(invocation, f"Delete the project {project} with everything in it?", yes=yes)
    with invocation.client() as client:
        client.projects.delete(project)
    output.deleted(invocation, project)


def _settings(text: str | None) -> ProjectSettings | None:
    return None if text is None else cast("ProjectSettings", json_object(text, "--settings"))


def _show(invocation: Invocation, one: Project) -> None:
    fields: list[tuple[str, object]] = [
        ("slug", one.slug),
        ("number", one.number),
        ("name", one.name),
        ("settings", output.pretty(one.settings) if one.settings else None),
        ("created", stamp(one.created_at)),
    ]
    output.one(invocation, one, fields, name=one.slug)
