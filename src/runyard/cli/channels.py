"""`runyard channels …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, Workspace
from runyard.cli.ids import workspace_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Channel

Name = Annotated[str, Parameter(name="CHANNEL", help="Name of the channel.")]


def list_channels(*, limit: Limit = 50, invocation: Given) -> None:
    """List the channels of the project, by name."""
    columns: list[output.Column] = [
        ("name", lambda one: one.name),
        ("messages", lambda one: one.messages),
        ("active", lambda one: stamp(one.active_at)),
        ("workspace", lambda one: one.workspace_id),
        ("purpose", lambda one: " ".join((one.purpose or "").split())),
    ]
    with invocation.client() as client:
        output.many(invocation, client.channels.list(limit=limit), columns, empty="There are no channels.")


def get(channel: Name, /, *, invocation: Given) -> None:
    """Show a channel."""
    with invocation.client() as client:
        _show(invocation, client.channels.get(channel))


def describe(
    channel: Name,
    /,
    *,
    workspace: Workspace = None,
    title: Annotated[str | None, Parameter(help="What people call it.")] = None,
    purpose: Annotated[str | None, Parameter(help="What it is for.")] = None,
    invocation: Given,
) -> None:
    """Make a channel, or say anew what the one of this name is for."""
    with invocation.client() as client:
        place = None if workspace is None else workspace_id(client, workspace)
        made = client.channels.describe(channel, workspace_id=place, display_name=title, purpose=purpose)
    _show(invocation, made)


def messages(channel: Name, /, *, limit: Limit = 1000, invocation: Given) -> None:
    """Print what sessions said in a channel, oldest first, whomever it was for."""
    columns: list[output.Column] = [
        ("number", lambda one: one.number),
        ("at", lambda one: stamp(one.at)),
        ("kind", lambda one: one.kind),
        ("from", lambda one: one.sender_id),
        ("to", lambda one: one.recipient_id),
        ("body", lambda one: "" if one.body is None else output.encoded(one.body).decode()),
    ]
    with invocation.client() as client:
        found = client.channels.messages(channel, limit=limit)
        output.many(invocation, found, columns, empty="Nothing was said.")


def _show(invocation: Invocation, one: Channel) -> None:
    fields: list[tuple[str, object]] = [
        ("name", one.name),
        ("title", one.display_name),
        ("purpose", one.purpose),
        ("workspace", one.workspace_id),
        ("messages", one.messages),
        ("created", stamp(one.created_at)),
        ("active", stamp(one.active_at)),
    ]
    output.one(invocation, one, fields, name=one.name)
