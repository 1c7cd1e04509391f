"""Webhooks of the project, and the log of what was sent to them."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from msgspec import UNSET, Raw

from runyard.dialects.native.mapping.values import maybe_when, when
from runyard.dialects.native.wire import webhooks as wire
from runyard.domain.webhooks import Webhook
from runyard.engine.bulletins import shown
from runyard.engine.webhooks import Logged, NewWebhook, Signed
from runyard.storage.statements.webhooks import Try


def webhook_in(asked: wire.ProjectWebhookIn) -> NewWebhook:
    """A webhook asked for."""
    return NewWebhook(**msgspec.structs.asdict(asked))


def changes_in(asked: wire.ProjectWebhookPatch) -> dict[str, Any]:
    """What is to change of a webhook."""
    return {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}


def webhook_out(one: Webhook) -> wire.ProjectWebhook:
    """A webhook on the wire."""
    return wire.ProjectWebhook(
        id=one.id,
        url=one.url,
        events=list(one.events),
        description=one.description,
        enabled=one.enabled,
        disabled_reason=one.disabled_reason,
        failing_since=maybe_when(one.failing_since),
        old_secret_until=maybe_when(one.old_until),
        created_at=when(one.created_at),
        updated_at=when(one.updated_at),
    )


def signed_out(made: Signed) -> wire.ProjectWebhook:
    """A webhook on the wire with its secret."""
    return msgspec.structs.replace(webhook_out(made.webhook), secret=made.secret)


def delivery_out(one: Logged) -> wire.WebhookDelivery:
    """A message of a webhook's log on the wire."""
    message = one.delivery
    return wire.WebhookDelivery(
        id=message.id,
        webhook_id=message.webhook_id or "",
        event_id=shown("evt", message.subject),
        event=message.kind,
        run_id=message.run_id,
        state=cast("wire.State", message.state),
        error=message.error,
        created_at=when(message.created_at),
        next_try_at=maybe_when(message.due_at),
        tries=[_try_out(each) for each in one.tries],
    )


def delivery_in_full_out(one: Logged) -> wire.WebhookDelivery:
    """The same with what is sent."""
    return msgspec.structs.replace(delivery_out(one), message=Raw(one.delivery.body.encode()))


def _try_out(one: Try) -> wire.WebhookTry:
    return wire.WebhookTry(
        number=one.number, at=when(one.at), status=one.status, duration_ms=one.duration_ms, error=one.error
    )
