"""`runyard projects …`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit
from runyard.cli.invocation import Given
from runyard.cli.times import stamp


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


def create(
    slug: Annotated[str, Parameter(help="Letters, digits, and . _ - between them.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="What people call it.")] = None,
    invocation: Given,
) -> None:
    """Make a project."""
    with invocation.client() as client:
        made = client.projects.create(slug, name=name)
    fields: list[tuple[str, object]] = [("slug", made.slug), ("number", made.number), ("name", made.name)]
    output.one(invocation, made, fields, name=made.slug)
