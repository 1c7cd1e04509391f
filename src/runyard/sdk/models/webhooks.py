"""Webhooks, and what was sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model


class ProjectWebhook(Model, frozen=True, kw_only=True):
    """Somebody outside who is told of events; `secret` is shown when it is made and never again."""

    id: str
    url: str = ""
    events: list[str] = []
    description: str = ""
    enabled: bool = True
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    old_secret_until: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    secret: str | None = None


class WebhookTry(Model, frozen=True, kw_only=True):
    """One try to deliver a message; without an error it arrived."""

    number: int
    at: datetime | None = None
    status: int | None = None
    duration_ms: int = 0
    error: str | None = None


class WebhookDelivery(Model, frozen=True, kw_only=True):
    """A message to a webhook."""

    id: str
    webhook_id: str
    event_id: str
    event: str
    run_id: str | None = None
    state: str = ""
    error: str | None = None
    created_at: datetime | None = None
    next_try_at: datetime | None = None
    tries: list[WebhookTry] = []
    message: dict[str, Any] | None = None
    """What is sent; left out of lists."""
