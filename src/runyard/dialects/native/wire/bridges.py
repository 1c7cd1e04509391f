"""Bridges over which the ends of tasks are told, and who wants to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.native.wire.task_runs import Who

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]
Secret = Annotated[str, Meta(min_length=1, max_length=128)]
TargetId = Annotated[str, Meta(min_length=1, max_length=256)]
Via = Literal["webhook", "apprise"]
State = Literal["disabled", "incomplete", "ready", "failing"]
Mode = Literal["direct-send", "reply"]


class BridgeIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A bridge to make."""

    name: Name
    via: Via = "webhook"
    """A signed webhook, or one of the services that apprise speaks to."""
    url: Url | None = None
    """Where it leads; kept sealed and never shown. An apprise URL may hold `{peer_id}`, `{group_id}`, `{thread_id}`."""
    signing_secret: Secret | None = None
    """Of a webhook: `whsec_` and 24 to 64 bytes in Base64; without one, one is made."""
    platform: Name | None = None
    workspace_id: Annotated[str, Meta(max_length=4096)] | None = None
    """The workspace whose tasks it is for, by id, name or root directory; without one, those of none."""
    enabled: bool = True
    suppressed: bool = False
    """Whether what is to be told over it counts as told without being sent."""
    config: Raw = Raw(b"")
    """A JSON object of your own; it is shown, so nothing secret belongs in it."""


class BridgePatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What to change of a bridge."""

    name: Name | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    signing_secret: Secret | UnsetType = UNSET
    suppressed: bool | UnsetType = UNSET
    config: Raw = Raw(b"")


class Bridge(msgspec.Struct, kw_only=True):
    """A bridge. `signing_secret` is shown when it is made and never again."""

    id: str
    name: str
    via: Via
    extension: str
    """What its maker says it is built with."""
    platform: str
    workspace_id: str | None
    enabled: bool
    suppressed: bool
    state: State
    """`incomplete` has no URL; `failing` did not get its last message over, and goes on trying."""
    last_error: str | None
    waiting: int
    """How many messages wait for another try."""
    config: Raw | None
    created_at: datetime
    updated_at: datetime
    signing_secret: str | UnsetType = UNSET


class BridgeTarget(msgspec.Struct, kw_only=True):
    """Somebody or something a bridge leads to."""

    route: str
    """The one way to write it: `user:ada`, `group:ops`, `thread:ops/7`."""
    kind: Literal["user", "group", "thread"]
    name: str
    qualifier: str | None
    seen_at: datetime


class BridgeTargets(msgspec.Struct, kw_only=True):
    """Whom a bridge leads to."""

    data: list[BridgeTarget]


class ResolveIn(msgspec.Struct, kw_only=True):
    """A name of somebody."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]


class ResolvedTarget(msgspec.Struct, kw_only=True):
    """Who is meant."""

    target: BridgeTarget
    step: int
    """How they were found: 1 written in full, 2 by name, 3 with a qualifier, 4 by how the name begins."""


class SubscriptionIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who wants to be told of a task's end: a peer or a group, and where there, a thread."""

    bridge_id: Annotated[str, Meta(max_length=128)]
    name: Name | None = None
    """Unique in the project; a subscription of this name that there is becomes the new one."""
    delivery_mode: Mode = "direct-send"
    peer_id: TargetId | None = None
    group_id: TargetId | None = None
    thread_id: TargetId | None = None


class Subscription(msgspec.Struct, kw_only=True):
    """Who wants to be told of a task's end, and how far they were told."""

    id: str
    name: str
    task_id: str
    bridge_id: str
    workspace_id: str | None
    delivery_mode: Mode
    peer_id: str | None
    group_id: str | None
    thread_id: str | None
    created_by: Who
    created_at: datetime
    updated_at: datetime
    last_sequence: int
    """The last line of the task's timeline that needs no more attention."""
    last_delivery_id: str | None
    last_delivered_at: datetime | None
    last_error: str | None
    failures: int
    """How many tries in a row have failed."""
    next_try_at: datetime | None


class Subscriptions(msgspec.Struct, kw_only=True):
    """Who wants to be told of a task's end, the one changed last first."""

    data: list[Subscription]
