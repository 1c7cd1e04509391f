"""Webhooks on `/v1`, both ways (contract §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from runyard.dialects.bamboosnow.mapping.values import Place, millis, seconds, shown
from runyard.dialects.bamboosnow.wire import webhooks as wire
from runyard.dialects.bamboosnow.wire.runs import Meta
from runyard.domain.webhooks import Webhook
from runyard.engine.webhooks import Logged, NewWebhook, Signed
from runyard.storage.statements.webhooks import Try

_STATUS: Mapping[str, Literal["pending", "success", "failure"]] = {
    "waiting": "pending",
    "delivered": "success",
    "failed": "failure",
}


def webhook_in(asked: wire.WebhookWrite) -> NewWebhook:
    """A webhook asked for."""
    return NewWebhook(**msgspec.structs.asdict(asked))


def changes_in(asked: wire.WebhookPatch) -> dict[str, Any]:
    """What is to change of a webhook."""
    return {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}


def webhook_out(one: Webhook) -> wire.Webhook:
    """A webhook on the wire."""
    return wire.Webhook(
        id=shown("hook", one.id),
        url=one.url,
        events=list(one.events),
        description=one.description,
        enabled=one.enabled,
        disabled_reason=one.disabled_reason,
        failing_since=seconds(one.failing_since),
        created_at=_at(one.created_at),
        updated_at=_at(one.updated_at),
    )


def signed_out(made: Signed) -> wire.Webhook:
    """A webhook on the wire with its secret."""
    return msgspec.structs.replace(webhook_out(made.webhook), secret=made.secret)


def list_out(rows: Sequence[Webhook], place: Place) -> wire.WebhookList:
    """The page at the place, of all webhooks of the project."""
    page = rows[place.offset : place.offset + place.per_page]
    return wire.WebhookList(data=[webhook_out(row) for row in page], meta=_meta(len(rows), place))


def delivery_out(one: Logged) -> wire.Delivery:
    """A message of a webhook's log on the wire."""
    message = one.delivery
    return wire.Delivery(
        id=shown("delivery", message.id),
        webhook_id=shown("hook", message.webhook_id or ""),
        event_id=shown("evt", message.subject),
        event=message.kind,
        run_id=None if message.run_id is None else shown("run", message.run_id),
        status=_STATUS[message.state],
        error=message.error,
        created_at=_at(message.created_at),
        next_attempt_at=seconds(message.due_at),
        attempts=[_attempt_out(each) for each in one.tries],
    )


def log_out(found: tuple[Sequence[Logged], int], place: Place) -> wire.DeliveryList:
    """A page of a webhook's log on the wire."""
    rows, total = found
    return wire.DeliveryList(data=[delivery_out(row) for row in rows], meta=_meta(total, place))


def _attempt_out(one: Try) -> wire.Attempt:
    return wire.Attempt(
        number=one.number,
        timestamp=millis(one.at),
        status_code=one.status,
        duration_ms=one.duration_ms,
        error=one.error,
    )


def _meta(total: int, place: Place) -> Meta:
    return Meta(total=total, page=place.page, per_page=place.per_page)


def _at(time: int) -> str:
    return seconds(time) or ""
