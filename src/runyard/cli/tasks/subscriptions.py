"""`runyard tasks subscriptions|subscription|subscribe|unsubscribe`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import TaskId, present
from runyard.cli.failures import usage
from runyard.cli.ids import bridge_id, task_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Subscription

Name = Annotated[str, Parameter(name="SUBSCRIPTION", help="Name or id of the subscription.")]


def list_subscriptions(task: TaskId, /, *, invocation: Given) -> None:
    """List who is told of a task's end, the one changed last first."""
    columns: list[output.Column] = [
        ("name", lambda one: one.name),
        ("bridge", lambda one: one.bridge_id),
        ("whom", _whom),
        ("told", lambda one: stamp(one.last_delivered_at)),
        ("failures", lambda one: one.failures),
        ("next try", lambda one: stamp(one.next_try_at)),
        ("error", lambda one: one.last_error),
    ]
    with invocation.client() as client:
        found = client.tasks.subscriptions(task_id(client, task))
        output.many(invocation, found, columns, empty="Nobody is told of the task's end.")


def get(task: TaskId, subscription: Name, /, *, invocation: Given) -> None:
    """Show a subscription, and how far it was told."""
    with invocation.client() as client:
        _show(invocation, client.tasks.subscription(task_id(client, task), subscription))


def subscribe(
    task: TaskId,
    bridge: Annotated[str, Parameter(name="BRIDGE", help="Name or id of the bridge that leads there.")],
    /,
    *,
    peer: Annotated[str | None, Parameter(help="The person who is told.")] = None,
    group: Annotated[str | None, Parameter(help="The group that is told.")] = None,
    thread: Annotated[str | None, Parameter(help="The thread of the peer or group in which they are told.")] = None,
    mode: Annotated[Literal["direct-send", "reply"] | None, Parameter(help="How they are told (direct-send).")] = None,
    name: Annotated[
        str | None, Parameter(help="What to call it; a subscription of this name becomes the new one.")
    ] = None,
    invocation: Given,
) -> None:
    """Tell somebody of a task's end over a bridge."""
    if peer is None and group is None:
        raise usage("A subscription says whom to tell.", "Name them with --peer or --group.")
    said = present(peer_id=peer, group_id=group, thread_id=thread, delivery_mode=mode, name=name)
    with invocation.client() as client:
        made = client.tasks.subscribe(task_id(client, task), bridge_id=bridge_id(client, bridge), **said)
    _show(invocation, made)


def unsubscribe(task: TaskId, subscription: Name, /, *, invocation: Given) -> None:
    """Tell nobody of a subscription any more."""
    with invocation.client() as client:
        client.tasks.unsubscribe(task_id(client, task), subscription)
    output.deleted(invocation, subscription)


def _whom(one: Subscription) -> str:
    found = {"peer": one.peer_id, "group": one.group_id, "thread": one.thread_id}
    return " ".join(f"{kind}:{ref}" for kind, ref in found.items() if ref)


def _show(invocation: Invocation, one: Subscription) -> None:
    fields: list[tuple[str, object]] = [
        ("name", one.name),
        ("id", one.id),
        ("task", one.task_id),
        ("bridge", one.bridge_id),
        ("whom", _whom(one)),
        ("mode", one.delivery_mode),
        ("made by", one.created_by.ref),
        ("created", stamp(one.created_at)),
        ("told", stamp(one.last_delivered_at)),
        ("error", one.last_error),
        ("failures", one.failures or None),
        ("next try", stamp(one.next_try_at)),
    ]
    output.one(invocation, one, fields, name=one.name)
