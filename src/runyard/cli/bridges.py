"""`runyard bridges …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, Workspace, json_object, present
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.hidden import value
from runyard.cli.ids import bridge_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp
from runyard.cli.webhooks import Secret

if TYPE_CHECKING:
    from runyard.sdk.models import Bridge

Named = Annotated[str, Parameter(name="BRIDGE", help="Name or id of the bridge.")]
Config = Annotated[str | None, Parameter(help="A JSON object of your own, which is shown; @FILE, or - for input.")]
ADDRESS = "where it leads"


def list_bridges(*, limit: Limit = 50, invocation: Given) -> None:
    """List bridges, newest first."""
    columns: list[output.Column] = [
        ("id", lambda one: one.id),
        ("name", lambda one: one.name),
        ("via", lambda one: one.via),
        ("state", lambda one: one.state),
        ("waiting", lambda one: one.waiting),
        ("workspace", lambda one: one.workspace_id),
        ("error", lambda one: one.last_error),
    ]
    with invocation.client() as client:
        output.many(invocation, client.bridges.list(limit=limit), columns, empty="There are no bridges.")


def get(bridge: Named, /, *, invocation: Given) -> None:
    """Show a bridge, without its secrets."""
    with invocation.client() as client:
        _show(invocation, client.bridges.get(bridge_id(client, bridge)))


def create(
    name: Annotated[str, Parameter(help="What people call it.")],
    address: Annotated[
        str | None, Parameter(help="The URL that it leads to; asked for, or read from standard input, if left out.")
    ] = None,
    /,
    *,
    via: Annotated[
        Literal["webhook", "apprise"], Parameter(help="A signed webhook, or a service that apprise speaks to.")
    ] = "webhook",
    secret: Secret = None,
    platform: Annotated[str | None, Parameter(help="What kind of place it leads to, for people.")] = None,
    workspace: Workspace = None,
    config: Config = None,
    disabled: Annotated[bool, Parameter(show_default=False, help="Make it disabled.")] = False,
    suppressed: Annotated[
        bool, Parameter(show_default=False, help="What is to be told over it counts as told, and is not sent.")
    ] = False,
    invocation: Given,
) -> None:
    """Make a bridge to tell people of the ends of tasks; the secret that signs is shown this once."""
    given = present(
        signing_secret=secret,
        platform=platform,
        workspace_id=workspace,
        config=None if config is None else json_object(config, "--config"),
        enabled=False if disabled else None,
        suppressed=suppressed or None,
    )
    url = _address(address or "-")
    with invocation.client() as client:
        _show(invocation, client.bridges.create(name, url=url, via=via, **given))


def update(
    bridge: Named,
    /,
    *,
    name: Annotated[str | None, Parameter(help="What people call it.")] = None,
    address: Annotated[
        str | None, Parameter(help="Another URL; - to be asked for it, or to send it to standard input.")
    ] = None,
    secret: Secret = None,
    config: Config = None,
    suppressed: Annotated[
        bool | None,
        Parameter(negative="--no-suppressed", help="Whether what is to be told counts as told, and is not sent."),
    ] = None,
    invocation: Given,
) -> None:
    """Change what is given of a bridge."""
    given = present(
        name=name,
        signing_secret=secret,
        config=None if config is None else json_object(config, "--config"),
        suppressed=suppressed,
    )
    if not given and address is None:
        raise usage("Nothing to change is given.", "`runyard bridges update --help` lists what can be.")
    if address is not None:
        given["url"] = _address(address)
    with invocation.client() as client:
        _show(invocation, client.bridges.update(bridge_id(client, bridge), **given))


def enable(bridge: Named, /, *, invocation: Given) -> None:
    """Let messages over a bridge again, those first that wait for it."""
    with invocation.client() as client:
        _show(invocation, client.bridges.enable(bridge_id(client, bridge)))


def disable(bridge: Named, /, *, invocation: Given) -> None:
    """Let no message over a bridge; what there is to tell waits."""
    with invocation.client() as client:
        _show(invocation, client.bridges.disable(bridge_id(client, bridge)))


def restart(bridge: Named, /, *, invocation: Given) -> None:
    """Forget what went wrong with a bridge, and try again at once."""
    with invocation.client() as client:
        _show(invocation, client.bridges.restart(bridge_id(client, bridge)))


def targets(
    bridge: Named,
    /,
    *,
    query: Annotated[str | None, Parameter(help="Only those whose name holds this.")] = None,
    invocation: Given,
) -> None:
    """List whom a bridge leads to, as its newest subscriptions name them."""
    columns: list[output.Column] = [
        ("route", lambda one: one.route),
        ("kind", lambda one: one.kind),
        ("name", lambda one: one.name),
        ("in", lambda one: one.qualifier),
        ("seen", lambda one: stamp(one.seen_at)),
    ]
    with invocation.client() as client:
        found = client.bridges.targets(bridge_id(client, bridge), text=query)
        output.many(invocation, found, columns, empty="Nobody was to be told over it yet.")


def resolve(
    bridge: Named,
    target: Annotated[str, Parameter(name="TARGET", help="A name, like group:ops, #ops, ops/7, or how it begins.")],
    /,
    *,
    invocation: Given,
) -> None:
    """Say who is meant by a name."""
    with invocation.client() as client:
        found = client.bridges.resolve(bridge_id(client, bridge), target)
    ways = ("written in full", "by name", "with a qualifier", "by how the name begins")
    one = found.target
    fields: list[tuple[str, object]] = [
        ("route", one.route),
        ("kind", one.kind),
        ("name", one.name),
        ("in", one.qualifier),
        ("found", ways[found.step - 1] if 0 < found.step <= len(ways) else found.step),
        ("seen", stamp(one.seen_at)),
    ]
    output.one(invocation, found, fields, name=one.route)


def delete(bridge: Named, /, *, yes: Yes = False, invocation: Given) -> None:
    """Delete a bridge; refused while tasks have subscriptions that go over it."""
    confirm(invocation, f"Delete the bridge {bridge}?", yes=yes)
    with invocation.client() as client:
        wanted = bridge_id(client, bridge)
        client.bridges.delete(wanted)
    output.deleted(invocation, wanted)


def _address(given: str) -> str:
    """The URL; those of chats hold what lets one speak there, and need not stand in a history."""
    return value(ADDRESS) if given == "-" else given


def _show(invocation: Invocation, one: Bridge) -> None:
    fields: list[tuple[str, object]] = [
        ("secret", one.signing_secret),
        ("name", one.name),
        ("id", one.id),
        ("via", one.via),
        ("platform", one.platform if one.platform != one.via else None),
        ("workspace", one.workspace_id),
        ("state", one.state),
        ("suppressed", "yes" if one.suppressed else None),
        ("error", one.last_error),
        ("waiting", one.waiting or None),
        ("config", None if one.config is None else output.pretty(one.config)),
        ("created", stamp(one.created_at)),
        ("updated", stamp(one.updated_at)),
    ]
    output.one(invocation, one, fields, name=one.id)
    if one.signing_secret is not None and not invocation.json:
        output.note(invocation, "Keep the secret now: it cannot be shown again.")
