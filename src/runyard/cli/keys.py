"""`runyard keys …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, words
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import moment, now, seconds, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Key

Id = Annotated[str, Parameter(name="KEY", help="Id of the key (not the key itself).")]
Dialect = Literal["native", "strait", "agh", "posthog", "bamboosnow"]


def list_keys(*, limit: Limit = 50, invocation: Given) -> None:
    """List API keys, newest first, without their secrets."""
    columns: list[output.Column] = [
        ("id", lambda key: key.id),
        ("name", lambda key: key.name),
        ("prefix", lambda key: key.prefix),
        ("project", lambda key: key.project),
        ("scopes", lambda key: " ".join(key.scopes)),
        ("last used", lambda key: stamp(key.last_used_at)),
        ("expires", lambda key: stamp(key.expires_at)),
        ("revoked", lambda key: stamp(key.revoked_at)),
    ]
    with invocation.client() as client:
        output.many(invocation, client.keys.list(limit=limit), columns, empty="There are no keys.")


def create(
    name: Annotated[str, Parameter(help="What it is for.")],
    /,
    *,
    scope: Annotated[
        list[str] | None,
        Parameter(
            help="task:read task:write runs:read runs:write runs:claim jobs:write admin; repeated or joined by commas."
        ),
    ] = None,
    dialect: Annotated[Dialect | None, Parameter(help="The API whose clients will use it.")] = None,
    expires: Annotated[str | None, Parameter(help="How long it is valid, like 90d, or until when.")] = None,
    invocation: Given,
) -> None:
    """Make an API key for the project; it is shown this once."""
    scopes = words(scope)
    if scopes is None:
        raise usage("A key needs at least one scope.", "For example --scope runs:read,runs:write.")
    until = moment(expires, now(), ahead=True) if expires else None
    with invocation.client() as client:
        key = client.keys.create(name, scopes=scopes, project=invocation.project, dialect=dialect, expires_at=until)
    _show_new(invocation, key)


def rotate(
    key: Id,
    /,
    *,
    grace: Annotated[str | None, Parameter(help="How long the old one stays good beside it, like 2d; an hour.")] = None,
    invocation: Given,
) -> None:
    """Make a key in the place of another, which stays good for a while; it is shown this once."""
    with invocation.client() as client:
        made = client.keys.rotate(key, grace_seconds=None if grace is None else seconds(grace))
    _show_new(invocation, made)


def revoke(key: Id, /, *, yes: Yes = False, invocation: Given) -> None:
    """End a key for good."""
    confirm(invocation, f"Revoke the key {key}?", yes=yes)
    with invocation.client() as client:
        gone = client.keys.revoke(key)
    output.one(
        invocation, gone, [("id", gone.id), ("name", gone.name), ("revoked", stamp(gone.revoked_at))], name=gone.id
    )


def connection(
    *,
    pem: Annotated[bool, Parameter(help="Only the public half of the one that signs now, as PEM.")] = False,
    invocation: Given,
) -> None:
    """List the keys by which sandboxes know whom the server sends."""
    with invocation.client() as client:
        found = client.keys.connection().data
    if pem and not invocation.json:
        output.say(found[0].public_key.strip())
        return
    columns: list[output.Column] = [
        ("id", lambda key: key.id),
        ("algorithm", lambda key: key.algorithm),
        ("created", lambda key: stamp(key.created_at)),
        ("retired", lambda key: stamp(key.retired_at)),
    ]
    output.many(invocation, found[:1] if pem else found, columns, empty="There are no keys.")


def rotate_connection(*, yes: Yes = False, invocation: Given) -> None:
    """Have another key sign for sandboxes; those that are open keep the one they know."""
    confirm(invocation, "Have another key sign for sandboxes?", yes=yes)
    with invocation.client() as client:
        made = client.keys.rotate_connection()
    output.one(invocation, made, [("id", made.id), ("created", stamp(made.created_at))], name=made.id)


def _show_new(invocation: Invocation, key: Key) -> None:
    fields: list[tuple[str, object]] = [
        ("key", key.key),
        ("id", key.id),
        ("name", key.name),
        ("project", key.project),
        ("scopes", " ".join(key.scopes)),
        ("expires", stamp(key.expires_at)),
    ]
    output.one(invocation, key, fields, name=key.key)
    if not invocation.json:
        output.note(invocation, "Keep the key now: it cannot be shown again.")
