"""Shapes of subscriptions over bridges (contract §22). Fields with a default are left out where they have it."""

from __future__ import annotations

import msgspec

from runyard.dialects.agh.wire.runs import Identity


class CreateSubscriptionRequest(msgspec.Struct, kw_only=True):
    """Who wants to be told of a task's end."""

    bridge_instance_id: str
    delivery_mode: str
    scope: str
    subscription_id: str | None = None
    workspace_id: str | None = None
    peer_id: str | None = None
    group_id: str | None = None
    thread_id: str | None = None


class Cursor(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far somebody was told."""

    consumer_id: str
    stream_name: str
    subject_id: str
    last_sequence: int
    last_delivery_id: str = ""
    last_delivered_at: str = ""
    last_error: str = ""
    updated_at: str = ""


class Subscription(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who wants to be told of a task's end, and how far they were told."""

    subscription_id: str
    task_id: str
    bridge_instance_id: str
    scope: str
    delivery_mode: str
    cursor: Cursor
    created_by: Identity
    created_at: str
    updated_at: str
    workspace_id: str = ""
    peer_id: str = ""
    group_id: str = ""
    thread_id: str = ""


class SubscriptionAnswer(msgspec.Struct, kw_only=True):
    """A subscription."""

    subscription: Subscription


class SubscriptionsAnswer(msgspec.Struct, kw_only=True):
    """Subscriptions."""

    subscriptions: list[Subscription]
