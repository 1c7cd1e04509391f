"""Webhooks: who outside is told of what, and the log of what was sent.

Secrets are kept as `seal` makes them (for `PURPOSE`); here nobody can open one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain import webhooks as rules
from runyard.domain.errors import Conflict, NotFound
from runyard.domain.webhooks import TEST, Webhook
from runyard.engine import bulletins, deliveries, listeners, sizes
from runyard.outbound import guard
from runyard.settings import Settings
from runyard.storage.port import JournalLine, Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import projects as projects_sql
from runyard.storage.statements import webhooks as sql
from runyard.storage.statements.deliveries import Delivery
from runyard.storage.statements.webhooks import Try

PURPOSE = "webhook secret"
"""What the vault seals secrets for."""
MOST = 50
"""How many webhooks a project has at most."""
GRACE = 24 * rules.HOUR
"""For so long the secret before signs as well, unless somebody says otherwise."""
COUNTED = 10_000
"""How far messages are counted, and how many of the newest those see who turn numbered pages."""
Seal = Callable[[str], str]


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook asked for."""

    url: str
    events: Sequence[str]
    secret: str | None = None
    """Without one, one is made."""
    description: str = ""
    enabled: bool = True


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook with its secret, which is in no other answer."""

    webhook: Webhook
    secret: str


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the log of a webhook, with every try at it."""

    delivery: Delivery
    tries: Sequence[Try]


def create(
    tx: Tx, project_id: int, new: NewWebhook, seal: Seal, settings: Settings, *, actor: str | None = None
) -> Signed:
    """Make a webhook. Raises `Invalid`, or `Conflict` when the project has as many as it may have."""
    events = rules.accepted(new.events)
    secret = _secret(tx, new.secret)
    sizes.plain("the description", new.description, longest=1024)
    guard.check_url(new.url, settings)
    # Two that make the last one at the same time take their turns.
    projects_sql.lock(tx, project_id)
    if sql.count(tx, project_id) >= MOST:
        raise Conflict(f"the project has {MOST} webhooks, which is as many as it may have; delete one first")
    webhook = Webhook(
        id=tx.new_id(),
        project_id=project_id,
        url=new.url,
        events=events,
        secret=seal(secret),
        enabled=new.enabled,
        description=new.description,
        old_secret=None,
        old_until=None,
        failing_since=None,
        disabled_reason=None,
        created_at=tx.now,
        updated_at=tx.now,
    )
    sql.add(tx, webhook)
    _changed(tx, webhook, "webhook.created", actor)
    return Signed(webhook=webhook, secret=secret)


def get(tx: Tx, project_id: int, webhook_id: str) -> Webhook:
    """The webhook. Raises `NotFound`."""
    return _mine(sql.get(tx, [webhook_id]).get(webhook_id), project_id, webhook_id)


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = MOST) -> list[Webhook]:
    """The project's webhooks, newest first, from below the given id on."""
    return sql.page(tx, project_id, before=before or BEYOND, n=limit)


def update(
    tx: Tx,
    project_id: int,
    webhook_id: str,
    changes: Mapping[str, Any],
    seal: Seal,
    settings: Settings,
    *,
    actor: str | None = None,
) -> Webhook:
    """Change what is named of `url`, `events`, `description`, `enabled` and `secret`.

    The secret before signs as well for `GRACE`. Raises `NotFound` or `Invalid`.
    """
    said = dict(changes)
    secret = said.pop("secret", None)
    before = _locked(tx, project_id, webhook_id)
    after = msgspec.structs.replace(before, **said)
    after = msgspec.structs.replace(after, events=rules.accepted(after.events))
    sizes.plain("the description", after.description, longest=1024)
    if after.url != before.url:
        guard.check_url(after.url, settings)
    if after.enabled and not before.enabled:
        after = msgspec.structs.replace(after, failing_since=None, disabled_reason=None)
    if secret is not None:
        after = _resealed(after, seal(_secret(tx, secret)), tx.now + GRACE)
    if after == before:
        return before
    return _save(tx, after, "webhook.updated", actor)


def rotate(
    tx: Tx,
    project_id: int,
    webhook_id: str,
    secret: str | None,
    seal: Seal,
    *,
    grace: int = GRACE,
    actor: str | None = None,
) -> Signed:
    """Give a webhook another secret, one that is made unless one is given; the one before signs as well for a while.

    Raises `NotFound` or `Invalid`.
    """
    new = _secret(tx, secret)
    after = _resealed(_locked(tx, project_id, webhook_id), seal(new), tx.now + grace)
    return Signed(webhook=_save(tx, after, "webhook.rotated", actor), secret=new)


def delete(tx: Tx, project_id: int, webhook_id: str, *, actor: str | None = None) -> None:
    """Delete a webhook; what is on its way to it is given up as it becomes due. Raises `NotFound`."""
    webhook = _locked(tx, project_id, webhook_id)
    sql.delete(tx, webhook.id)
    _changed(tx, webhook, "webhook.deleted", actor)


def log(
    tx: Tx, project_id: int, webhook_id: str, *, before: str | None = None, limit: int = 50, offset: int = 0
) -> list[Logged]:
    """What was or will be sent to a webhook, newest first, from below the given id on. Raises `NotFound`."""
    get(tx, project_id, webhook_id)
    found = sql.log(tx, webhook_id, before=before or BEYOND, n=limit, offset=offset)
    tries = sql.tries(tx, [one.id for one in found])
    return [Logged(delivery=one, tries=tries.get(one.id, ())) for one in found]


def numbered(tx: Tx, project_id: int, webhook_id: str, *, offset: int, limit: int) -> tuple[list[Logged], int]:
    """A page of the newest `COUNTED` messages of a webhook's log, and how many of those there are."""
    total = sql.log_count(tx, get(tx, project_id, webhook_id).id, COUNTED)
    room = min(limit, total - offset)
    return log(tx, project_id, webhook_id, offset=offset, limit=room) if room > 0 else [], total


def find_logged(tx: Tx, project_id: int, webhook_id: str, delivery_id: str) -> Logged:
    """One message of a webhook's log. Raises `NotFound`."""
    get(tx, project_id, webhook_id)
    return _logged(tx, webhook_id, delivery_id)


def redeliver(tx: Tx, project_id: int, webhook_id: str, delivery_id: str, *, actor: str | None = None) -> Logged:
    """Send a message again now: one that arrived or was given up once more, one that waits for its next try at once.

    Raises `NotFound`, or `Conflict` while the webhook is disabled.
    """
    webhook = _taking(get(tx, project_id, webhook_id))
    found = _logged(tx, webhook_id, delivery_id, lock=True).delivery
    data = {"webhook_id": webhook.id, "delivery_id": found.id, "event_id": found.subject}
    if found.due_at is None:
        (message_id,) = deliveries.add(
            tx, [deliveries.to_webhook(webhook, found.subject, found.kind, found.body, found.run_id)]
        )
    else:
        message_id = found.id
        sql.hasten(tx, message_id)
        tx.wake(deliveries.TOPIC)
    _journal(tx, webhook, "webhook.redelivered", actor, data)
    return _logged(tx, webhook_id, message_id)


def test(tx: Tx, project_id: int, webhook_id: str) -> Logged:
    """Send a message that tells of nothing. Raises `NotFound`, or `Conflict` while the webhook is disabled."""
    webhook = _taking(get(tx, project_id, webhook_id))
    event_id = tx.new_id()
    body = bulletins.tried_out(event_id, tx.now, webhook)
    (message_id,) = deliveries.add(tx, [deliveries.to_webhook(webhook, event_id, TEST, body)])
    return _logged(tx, webhook_id, message_id)


def _logged(tx: Tx, webhook_id: str, delivery_id: str, *, lock: bool = False) -> Logged:
    found = sql.delivery(tx, delivery_id, lock=lock)
    if found is None or found.webhook_id != webhook_id:
        raise NotFound(f"there is no delivery {delivery_id[:64]!r} of this webhook")
    return Logged(delivery=found, tries=sql.tries(tx, [delivery_id]).get(delivery_id, ()))


def _taking(webhook: Webhook) -> Webhook:
    if not webhook.enabled:
        raise Conflict("the webhook is disabled and nothing is sent to it; enable it first")
    return webhook


def _locked(tx: Tx, project_id: int, webhook_id: str) -> Webhook:
    return _mine(sql.lock(tx, [webhook_id]).get(webhook_id), project_id, webhook_id)


def _mine(webhook: Webhook | None, project_id: int, webhook_id: str) -> Webhook:
    if webhook is None or webhook.project_id != project_id:
        raise NotFound(f"there is no webhook {webhook_id[:64]!r} in this project")
    return webhook


def _secret(tx: Tx, given: str | None) -> str:
    """The secret in the form in which it is shown; made when none is given. Raises `Invalid`."""
    if given is not None:
        return rules.written(rules.key_of(given))
    # Two tokens are 384 bits of chance; their hash is 32 bytes of it.
    return rules.written(hashlib.sha256(f"{tx.new_token()}{tx.new_token()}".encode()).digest())


def _resealed(webhook: Webhook, sealed: str, old_until: int) -> Webhook:
    return msgspec.structs.replace(webhook, secret=sealed, old_secret=webhook.secret, old_until=old_until)


def _save(tx: Tx, webhook: Webhook, event: str, actor: str | None) -> Webhook:
    saved = msgspec.structs.replace(webhook, updated_at=tx.now)
    sql.save(tx, [saved])
    _changed(tx, saved, event, actor)
    return saved


def _changed(tx: Tx, webhook: Webhook, event: str, actor: str | None) -> None:
    listeners.changed(tx)
    _journal(tx, webhook, event, actor, {"webhook_id": webhook.id, "url": webhook.url})


def _journal(tx: Tx, webhook: Webhook, event: str, actor: str | None, data: dict[str, str]) -> None:
    tx.emit(JournalLine(webhook.project_id, None, event, actor, msgspec.json.encode(data).decode()))
