"""Webhooks of the project, and the log of what was sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

Url = Annotated[str, Meta(min_length=1, max_length=2048)]
Events = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=50)]
"""Names of events, or `*` for all."""
Secret = Annotated[str, Meta(min_length=1, max_length=128)]
Description = Annotated[str, Meta(max_length=1024)]
State = Literal["waiting", "delivered", "failed"]


class ProjectWebhookIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody outside to tell of events."""

    url: Url
    events: Events
    """Which: `agent.started`, `agent.completed`, `agent.failed`, `agent.issues_found`, `approval.requested`,
    `approval.approved`, `approval.rejected`, `run.completed`, `run.failed`, `run.canceled`, `run.timed_out`,
    `run.dead_lettered`, or `*` for all."""
    secret: Secret | None = None
    """Signs messages: `whsec_` and 24 to 64 bytes in Base64; without one, one is made."""
    description: Description = ""
    enabled: bool = True


class ProjectWebhookPatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What to change of a webhook."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class WebhookRotateIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Another secret, one that is made unless one is given, and how long the one before signs as well."""

    secret: Secret | None = None
    grace_seconds: Annotated[float, Meta(ge=0, le=7 * 86400)] = 86400


class ProjectWebhook(msgspec.Struct, kw_only=True):
    """Somebody outside who is told of events. `secret` is shown when it is made and never again."""

    id: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_reason: str | None
    """Why the server disabled it; null when a person did."""
    failing_since: datetime | None
    """When the first message failed that nothing has arrived after."""
    old_secret_until: datetime | None
    """Until when the secret before signs as well."""
    created_at: datetime
    updated_at: datetime
    secret: str | UnsetType = UNSET


class WebhookTry(msgspec.Struct, kw_only=True):
    """One try to deliver a message."""

    number: int
    at: datetime
    status: int | None
    """Of the answer, if one came."""
    duration_ms: int
    error: str | None
    """Null when the message arrived."""


class WebhookDelivery(msgspec.Struct, kw_only=True):
    """A message to a webhook."""

    id: str
    webhook_id: str
    event_id: str
    """What receivers know it by; the same whenever it is sent."""
    event: str
    run_id: str | None
    state: State
    error: str | None
    """What the last try came to, while the message has not arrived."""
    created_at: datetime
    next_try_at: datetime | None
    tries: list[WebhookTry]
    message: Raw | UnsetType = UNSET
    """What is sent; left out of lists."""
