"""`runyard secrets …`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.confirm import Yes, confirm
from runyard.cli.hidden import value
from runyard.cli.invocation import Given
from runyard.cli.jobs import Name
from runyard.cli.times import stamp

Secret = Annotated[str, Parameter(name="SECRET", help="Name of the secret, like API_KEY.")]


def list_secrets(job: Name, /, *, invocation: Given) -> None:
    """List the names of a job's secrets."""
    columns: list[output.Column] = [("secret", lambda one: one.name), ("set", lambda one: stamp(one.updated_at))]
    with invocation.client() as client:
        output.many(invocation, client.secrets.list(job), columns, empty="The job has no secrets.")


def set_secret(job: Name, secret: Secret, /, *, invocation: Given) -> None:
    """Keep a secret of a job; its value is asked for, or read from standard input."""
    text = value(secret)
    with invocation.client() as client:
        kept = client.secrets.set(job, secret, text)
    output.one(invocation, kept, [("secret", kept.name), ("set", stamp(kept.updated_at))], name=kept.name)


def delete(job: Name, secret: Secret, /, *, yes: Yes = False, invocation: Given) -> None:
    """Forget a secret of a job."""
    confirm(invocation, f"Forget the secret {secret} of {job}?", yes=yes)
    with invocation.client() as client:
        client.secrets.delete(job, secret)
    output.deleted(invocation, secret)
