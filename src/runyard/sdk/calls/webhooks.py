"""Requests about webhooks, and what was sent to them."""

from __future__ import annotations

from collections.abc import Iterable

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send


def create(
    url: str,
    *,
    events: Iterable[str],
    secret: str | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> Call[models.ProjectWebhook]:
    """Tell somebody outside of events (`*` is all); the answer's `secret` is never shown again."""
    body = present(url=url, events=[*events], secret=secret, description=description, enabled=enabled)
    return send("POST", "/webhooks", models.ProjectWebhook, body)


def list_all(*, limit: int | None = None) -> Call[models.Page[models.ProjectWebhook]]:
    """Webhooks, newest first."""
    return get("/webhooks", models.Page[models.ProjectWebhook], query(limit=limit))


def read(webhook_id: str) -> Call[models.ProjectWebhook]:
    """One webhook, without its secret."""
    return get(f"/webhooks/{segment(webhook_id)}", models.ProjectWebhook)


def update(
    webhook_id: str,
    *,
    url: str | None = None,
    events: Iterable[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> Call[models.ProjectWebhook]:
    """Change what is given of a webhook."""
    told = None if events is None else [*events]
    body = present(url=url, events=told, description=description, enabled=enabled)
    return send("PATCH", f"/webhooks/{segment(webhook_id)}", models.ProjectWebhook, body)


def rotate(
    webhook_id: str, *, secret: str | None = None, grace_seconds: float | None = None
) -> Call[models.ProjectWebhook]:
    """Give a webhook another secret, in the answer alone; the one before signs as well for a day, or so long."""
    body = present(secret=secret, grace_seconds=grace_seconds)
    return send("POST", f"/webhooks/{segment(webhook_id)}/rotate", models.ProjectWebhook, body)


def delete(webhook_id: str) -> Call[None]:
    """Delete a webhook and its log."""
    return send("DELETE", f"/webhooks/{segment(webhook_id)}", None)


def test(webhook_id: str) -> Call[models.WebhookDelivery]:
    """Send a message that tells of nothing."""
    return send("POST", f"/webhooks/{segment(webhook_id)}/test", models.WebhookDelivery)


def deliveries(webhook_id: str, *, limit: int | None = None) -> Call[models.Page[models.WebhookDelivery]]:
    """What was or will be sent to a webhook, newest first."""
    return get(f"/webhooks/{segment(webhook_id)}/deliveries", models.Page[models.WebhookDelivery], query(limit=limit))


def delivery(webhook_id: str, delivery_id: str) -> Call[models.WebhookDelivery]:
    """One message to a webhook, with what it says."""
    return get(f"/webhooks/{segment(webhook_id)}/deliveries/{segment(delivery_id)}", models.WebhookDelivery)


def redeliver(webhook_id: str, delivery_id: str) -> Call[models.WebhookDelivery]:
    """Send a message again, now."""
    path = f"/webhooks/{segment(webhook_id)}/deliveries/{segment(delivery_id)}/redeliver"
    return send("POST", path, models.WebhookDelivery)
