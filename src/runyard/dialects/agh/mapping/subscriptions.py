"""Subscriptions over bridges on the wire (contract §22). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runyard.dialects.agh.mapping.tasks import identity_out
from runyard.dialects.agh.mapping.values import instant, one_of, read, shown, shown_if, trimmed, wanted
from runyard.dialects.agh.wire import subscriptions as wire
from runyard.domain.actors import Actor
from runyard.domain.bridges import DeliveryMode, Subscription
from runyard.domain.errors import Invalid
from runyard.domain.tasks import Task
from runyard.engine.tasks.subscriptions import NewSubscription

MODES = {
    "direct-send": DeliveryMode.DIRECT,
    "direct": DeliveryMode.DIRECT,
    "direct_send": DeliveryMode.DIRECT,
    "send": DeliveryMode.DIRECT,
    "reply": DeliveryMode.REPLY,
    "reply-send": DeliveryMode.REPLY,
    "reply_send": DeliveryMode.REPLY,
}
SCOPES = ("global", "workspace")


def delivery_mode(text: str) -> DeliveryMode:
    """The mode behind one of its names. Raises `Invalid`."""
    mode = MODES.get(text.strip().lower())
    if mode is None:
        raise Invalid(f"`delivery_mode` must be direct-send or reply, not {text[:64]!r}")
    return mode


def subscription_in(data: wire.CreateSubscriptionRequest) -> NewSubscription:
    """Who wants to be told. Raises `Invalid`, or `NotFound` for what cannot be a bridge."""
    if not data.bridge_instance_id.strip():
        raise Invalid("`bridge_instance_id` must not be blank")
    mode = delivery_mode(data.delivery_mode)
    return NewSubscription(
        bridge_id=read("brg", data.bridge_instance_id),
        name=trimmed(data.subscription_id),
        delivery_mode=mode,
        peer_id=trimmed(data.peer_id),
        group_id=trimmed(data.group_id),
        thread_id=trimmed(data.thread_id),
    )


def check_in(data: wire.CreateSubscriptionRequest) -> Callable[[Task], None]:
    """Refuses a task of another scope than the one that was said. Raises `Invalid`."""
    scope, workspace_id = one_of("scope", data.scope, SCOPES), wanted("ws", data.workspace_id)
    if scope is None:
        raise Invalid("`scope` must be global or workspace")
    if (scope == "workspace") != (workspace_id is not None):
        raise Invalid("scope workspace needs `workspace_id`, and scope global has none")

    def check(task: Task) -> None:
        if task.workspace_id != workspace_id:
            raise Invalid("`scope` and `workspace_id` must be the task's own")

    return check


def filters_in(bridge: str | None, scope: str | None, workspace: str | None) -> dict[str, Any]:
    """Which subscriptions are wanted. Raises `Invalid`."""
    word = one_of("scope", scope, SCOPES)
    return {
        "bridge_id": wanted("brg", bridge),
        "workspace_id": wanted("ws", workspace),
        "is_global": None if word is None else word == "global",
    }


def unnamed(id: str) -> str:
    """What a subscription is called whose maker does not say."""
    return shown("bts", id)


def subscription_out(one: Subscription) -> wire.Subscription:
    """A subscription."""
    return wire.Subscription(
        subscription_id=one.name,
        task_id=shown("task", one.task_id),
        bridge_instance_id=shown("brg", one.bridge_id),
        scope="global" if one.workspace_id is None else "workspace",
        workspace_id=shown_if("ws", one.workspace_id),
        delivery_mode=one.delivery_mode.value,
        peer_id=one.peer_id or "",
        group_id=one.group_id or "",
        thread_id=one.thread_id or "",
        cursor=wire.Cursor(
            consumer_id=f"bridge_task_subscription:{one.name}",
            stream_name="task_events",
            subject_id=shown("task", one.task_id),
            last_sequence=one.last_sequence,
            last_delivery_id=one.last_delivery_id or "",
            last_delivered_at=instant(one.last_delivered_at),
            last_error=one.last_error or "",
            updated_at=instant(one.cursor_at),
        ),
        created_by=identity_out(Actor(one.creator_kind, one.creator_ref)),
        created_at=instant(one.created_at),
        updated_at=instant(one.updated_at),
    )
