"""Shapes of webhooks (contract §7); what the contract leaves open keeps the conventions of `/v1`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from runyard.dialects.bamboosnow.wire.runs import Meta

Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
Events = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=50)]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Description = Annotated[str, msgspec.Meta(max_length=1024)]


class WebhookWrite(msgspec.Struct, kw_only=True):
    """Somebody outside to tell of events; without a secret, one is made."""

    url: Url
    events: Events
    secret: Secret | None = None
    description: Description = ""
    enabled: bool = True


class WebhookPatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What to change of a webhook; the secret before signs as well for a day."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    secret: Secret | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Webhook(msgspec.Struct, kw_only=True):
    """Somebody outside who is told of events. `secret` is shown when it is made and never again."""

    id: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since: str | None
    created_at: str
    updated_at: str
    secret: str | UnsetType = UNSET


class WebhookList(msgspec.Struct, kw_only=True):
    """A page of webhooks."""

    data: list[Webhook]
    meta: Meta


class Attempt(msgspec.Struct, kw_only=True):
    """One try to deliver a message."""

    number: int
    timestamp: str
    status_code: int | None
    duration_ms: int
    error: str | None


class Delivery(msgspec.Struct, kw_only=True):
    """A message to a webhook."""

    id: str
    webhook_id: str
    event_id: str
    event: str
    run_id: str | None
    status: Literal["pending", "success", "failure"]
    error: str | None
    created_at: str
    next_attempt_at: str | None
    attempts: list[Attempt]


class DeliveryList(msgspec.Struct, kw_only=True):
    """A page of the log of a webhook."""

    data: list[Delivery]
    meta: Meta
