"""Bridges over which the ends of tasks are told, and who wants to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model
from runyard.sdk.models.tasks import NOBODY, Who


class Bridge(Model, frozen=True, kw_only=True):
    """A way out of Runyard; `signing_secret` is in the answer that made it and in no other."""

    id: str
    name: str
    state: str
    """`disabled`, `incomplete` (it has no URL), `ready`, or `failing` (its last message did not get over)."""
    via: str = "webhook"
    extension: str = ""
    platform: str = ""
    workspace_id: str | None = None
    enabled: bool = True
    suppressed: bool = False
    last_error: str | None = None
    waiting: int = 0
    config: Any = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    signing_secret: str | None = None


class BridgeTarget(Model, frozen=True, kw_only=True):
    """Somebody or something a bridge leads to; `route` is the one way to write it, like `group:ops`."""

    route: str
    kind: str
    name: str
    qualifier: str | None = None
    seen_at: datetime | None = None


class ResolvedTarget(Model, frozen=True, kw_only=True):
    """Who is meant by a name."""

    target: BridgeTarget
    step: int = 1
    """How they were found: 1 written in full, 2 by name, 3 with a qualifier, 4 by how the name begins."""


class Subscription(Model, frozen=True, kw_only=True):
    """Who wants to be told of a task's end, and how far they were told."""

    id: str
    name: str
    task_id: str
    bridge_id: str
    workspace_id: str | None = None
    delivery_mode: str = "direct-send"
    peer_id: str | None = None
    group_id: str | None = None
    thread_id: str | None = None
    created_by: Who = NOBODY
    created_at: datetime | None = None
    updated_at: datetime | None = None
    last_sequence: int = 0
    last_delivery_id: str | None = None
    last_delivered_at: datetime | None = None
    last_error: str | None = None
    failures: int = 0
    next_try_at: datetime | None = None
