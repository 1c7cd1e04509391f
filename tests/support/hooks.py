"""Webhooks as tests of several kinds speak of them."""

from __future__ import annotations

import json
from typing import Any

from runyard.domain.webhooks import Webhook, written
from runyard.engine import tries, webhooks
from runyard.engine.tries import Pace, Tried
from runyard.engine.webhooks import NewWebhook
from runyard.settings import Settings
from runyard.storage.port import Store
from runyard.storage.statements.deliveries import Delivery
from runyard.storage.statements.webhooks import Try
from tests.support.verbs import Json

SETTINGS = Settings()
URL = "https://example.com/hook"
SECRET = written(b"k" * 32)
NEWER = written(b"n" * 32)


def seal(secret: str) -> str:
    """The secret as these webhooks keep it; no vault opens it."""
    return f"sealed {secret}"


def make(store: Store, *events: str, project_id: int = 1, **said: Any) -> Webhook:
    """A webhook for these events, or for all."""
    new = NewWebhook(**{"url": URL, "events": events or ["*"], "secret": SECRET, **said})
    return store.transact(webhooks.create, project_id, new, seal, SETTINGS).webhook


def change(store: Store, webhook: Webhook, **changes: Any) -> Webhook:
    """The webhook with these changes."""
    return store.transact(webhooks.update, webhook.project_id, webhook.id, changes, seal, SETTINGS)


def see(store: Store, webhook: Webhook) -> Webhook:
    """The webhook as it stands."""
    return store.look(webhooks.get, webhook.project_id, webhook.id)


def take(store: Store, limit: int = 100, pace: Pace | None = None) -> list[Delivery]:
    """The messages that are to be sent now, which nobody else takes."""
    return store.transact(tries.take, limit, pace or Pace()).deliveries


def tried(store: Store, delivery: Delivery, error: str | None = None, **said: Any) -> None:
    """Note what a try at a message that was taken came to."""
    result = Try(
        delivery_id=delivery.id,
        number=delivery.attempts + 1,
        at=store.now(),
        status=None if error else 200,
        duration_ms=7,
        error=error,
    )
    store.transact(tries.settle, [Tried(webhook_id=delivery.webhook_id or "", result=result, **said)])


def log(store: Store, webhook: Webhook) -> list[tuple[str, list[str | None]]]:
    """The states of the messages of a webhook, newest first, and what came of each try."""
    found = store.look(webhooks.log, webhook.project_id, webhook.id)
    return [(one.delivery.state, [each.error for each in one.tries]) for one in found]


def told(store: Store) -> list[Json]:
    """The news that are on their way, oldest first; from now on they are taken."""
    return [json.loads(one.body) for one in sorted(take(store), key=lambda one: one.id)]


def types(store: Store) -> list[str]:
    """What the news on their way are about, oldest first; from now on they are taken."""
    return [one["type"] for one in told(store)]
