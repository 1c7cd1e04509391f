"""`runyard environments …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit
from runyard.cli.confirm import Yes, confirm
from runyard.cli.hidden import variables
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import Environment

Name = Annotated[str, Parameter(name="ENVIRONMENT", help="Name of the environment.")]
Variables = Annotated[str, Parameter(name="VARIABLE", help="Names of variables whose values are asked for.")]


def list_environments(*, limit: Limit = 50, invocation: Given) -> None:
    """List environments and the names of their variables."""
    columns: list[output.Column] = [
        ("environment", lambda one: one.name),
        ("variables", lambda one: " ".join(one.variables)),
        ("updated", lambda one: stamp(one.updated_at)),
        ("id", lambda one: one.id),
    ]
    with invocation.client() as client:
        output.many(invocation, client.environments.list(limit=limit), columns, empty="There are no environments.")


def get(environment: Name, /, *, invocation: Given) -> None:
    """Show an environment, without the values of its variables."""
    with invocation.client() as client:
        _show(invocation, client.environments.get(environment))


def set_environment(environment: Name, /, *variable: Variables, yes: Yes = False, invocation: Given) -> None:
    """Give an environment its variables; values are asked for, or read as NAME=VALUE lines.

    It is made when there is none, and has the variables given and no others. The variable ENDPOINT_URL takes the
    place of the endpoint of its jobs.
    """
    given = variables(variable)
    with invocation.client() as client:
        if lost := [name for name in _known(client, environment) if name not in given]:
            output.note(invocation, f"{environment} also has {', '.join(lost)}, which would be gone.")
            confirm(invocation, "Go on without?", yes=yes)
        _show(invocation, client.environments.set(environment, given))


def delete(environment: Name, /, *, yes: Yes = False, invocation: Given) -> None:
    """Forget an environment that no job names."""
    confirm(invocation, f"Forget the environment {environment}?", yes=yes)
    with invocation.client() as client:
        client.environments.delete(environment)
    output.deleted(invocation, environment)


def _known(client: Client, environment: str) -> list[str]:
    from runyard.sdk import NotFound

    try:
        return client.environments.get(environment).variables
    except NotFound:
        return []


def _show(invocation: Invocation, one: Environment) -> None:
    fields: list[tuple[str, object]] = [
        ("environment", one.name),
        ("id", one.id),
        ("variables", " ".join(one.variables)),
        ("created", stamp(one.created_at)),
        ("updated", stamp(one.updated_at)),
    ]
    output.one(invocation, one, fields, name=one.name)
