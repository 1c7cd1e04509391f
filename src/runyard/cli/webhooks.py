"""`runyard webhooks …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, words
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import seconds, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import ProjectWebhook, WebhookDelivery

Id = Annotated[str, Parameter(name="WEBHOOK", help="Id of the webhook.")]
Message = Annotated[str, Parameter(name="DELIVERY", help="Id of the delivery.")]
Target = Annotated[str, Parameter(name="ADDRESS", help="The URL that events are posted to.")]
Events = Annotated[
    list[str] | None,
    Parameter(name="--event", help="What to tell of, such as agent.completed, or * for all (repeatable)."),
]
Secret = Annotated[str | None, Parameter(help="The secret that signs: whsec_ and Base64; made when left out.")]
Description = Annotated[str | None, Parameter(help="What it is for.")]


def list_webhooks(*, limit: Limit = 50, invocation: Given) -> None:
    """List webhooks, newest first."""
    columns: list[output.Column] = [
        ("id", lambda one: one.id),
        ("address", lambda one: one.url),
        ("events", lambda one: " ".join(one.events)),
        ("enabled", lambda one: one.enabled),
        ("failing since", lambda one: stamp(one.failing_since)),
        ("description", lambda one: one.description),
    ]
    with invocation.client() as client:
        output.many(invocation, client.webhooks.list(limit=limit), columns, empty="There are no webhooks.")


def get(webhook: Id, /, *, invocation: Given) -> None:
    """Show a webhook."""
    with invocation.client() as client:
        _show(invocation, client.webhooks.get(webhook))


def create(
    address: Target,
    /,
    *,
    event: Events = None,
    secret: Secret = None,
    description: Description = None,
    invocation: Given,
) -> None:
    """Have events posted to an address; the secret that signs them is shown this once."""
    events = words(event)
    if events is None:
        raise usage("A webhook needs at least one event.", "For example --event agent.completed, or --event '*'.")
    with invocation.client() as client:
        made = client.webhooks.create(address, events=events, secret=secret, description=description)
    _show(invocation, made)


def update(
    webhook: Id,
    /,
    *,
    address: Annotated[str | None, Parameter(help="Another URL.")] = None,
    event: Events = None,
    description: Description = None,
    invocation: Given,
) -> None:
    """Change where a webhook leads, or what it tells of."""
    events = words(event)
    if address is None and events is None and description is None:
        raise usage("Nothing to change is given.", "`runyard webhooks update --help` lists what can be.")
    with invocation.client() as client:
        _show(invocation, client.webhooks.update(webhook, url=address, events=events, description=description))


def enable(webhook: Id, /, *, invocation: Given) -> None:
    """Send events to a webhook again."""
    with invocation.client() as client:
        _show(invocation, client.webhooks.update(webhook, enabled=True))


def disable(webhook: Id, /, *, invocation: Given) -> None:
    """Send nothing to a webhook any more."""
    with invocation.client() as client:
        _show(invocation, client.webhooks.update(webhook, enabled=False))


def rotate(
    webhook: Id,
    /,
    *,
    secret: Secret = None,
    grace: Annotated[str | None, Parameter(help="How long the secret before signs as well, like 1h; a day.")] = None,
    invocation: Given,
) -> None:
    """Give a webhook another secret; it is shown this once."""
    with invocation.client() as client:
        made = client.webhooks.rotate(webhook, secret=secret, grace_seconds=seconds(grace) if grace else None)
    _show(invocation, made)


def delete(webhook: Id, /, *, yes: Yes = False, invocation: Given) -> None:
    """Delete a webhook and its log."""
    confirm(invocation, f"Delete the webhook {webhook}?", yes=yes)
    with invocation.client() as client:
        client.webhooks.delete(webhook)
    output.deleted(invocation, webhook)


def test(webhook: Id, /, *, invocation: Given) -> None:
    """Send a message that tells of nothing, to see whether it arrives."""
    with invocation.client() as client:
        _sent(invocation, client.webhooks.test(webhook))


def deliveries(webhook: Id, /, *, limit: Limit = 50, invocation: Given) -> None:
    """List what was or will be sent to a webhook, newest first."""
    columns: list[output.Column] = [
        ("id", lambda one: one.id),
        ("event", lambda one: one.event),
        ("state", lambda one: one.state),
        ("tries", lambda one: len(one.tries)),
        ("created", lambda one: stamp(one.created_at)),
        ("next try", lambda one: stamp(one.next_try_at)),
        ("error", lambda one: one.error or ""),
    ]
    with invocation.client() as client:
        found = client.webhooks.deliveries(webhook, limit=limit)
        output.many(invocation, found, columns, empty="Nothing was sent.")


def redeliver(webhook: Id, delivery: Message, /, *, invocation: Given) -> None:
    """Send a message again, now."""
    with invocation.client() as client:
        _sent(invocation, client.webhooks.redeliver(webhook, delivery))


def _show(invocation: Invocation, one: ProjectWebhook) -> None:
    fields: list[tuple[str, object]] = [
        *([("secret", one.secret)] if one.secret is not None else []),
        ("id", one.id),
        ("address", one.url),
        ("events", " ".join(one.events)),
        ("description", one.description),
        ("enabled", one.enabled),
        *([("disabled because", one.disabled_reason)] if one.disabled_reason is not None else []),
        ("failing since", stamp(one.failing_since)),
        ("created", stamp(one.created_at)),
        ("updated", stamp(one.updated_at)),
    ]
    output.one(invocation, one, fields, name=one.id)
    if one.secret is not None and not invocation.json:
        output.note(invocation, "Keep the secret now: it cannot be shown again.")


def _sent(invocation: Invocation, one: WebhookDelivery) -> None:
    fields: list[tuple[str, object]] = [
        ("id", one.id),
        ("event", one.event),
        ("event id", one.event_id),
        ("state", one.state),
        ("next try", stamp(one.next_try_at)),
    ]
    output.one(invocation, one, fields, name=one.id)
