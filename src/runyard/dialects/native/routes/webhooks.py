"""Webhooks of the project: who outside is told of what, and the log of what was sent to them."""

from __future__ import annotations

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native.mapping import lenient_id, span
from runyard.dialects.native.mapping import webhooks as mapping
from runyard.dialects.native.wire import Page
from runyard.dialects.native.wire import webhooks as wire
from runyard.engine import webhooks
from runyard.engine.webhooks import PURPOSE
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply


@get("/v1/webhooks", needs="runs:read")
async def list_webhooks(call: Call, limit: Limit = 50, cursor: Cursor = None) -> Page[wire.ProjectWebhook]:
    """The project's webhooks, newest first."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(webhooks.page, call.project_id, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return Page(data=[mapping.webhook_out(row) for row in shown], next_cursor=more)


@get("/v1/webhooks/{webhook_id:str}", needs="runs:read")
async def get_webhook(call: Call, webhook_id: str) -> wire.ProjectWebhook:
    """A webhook, without its secret."""
    return mapping.webhook_out(await call.read(webhooks.get, call.project_id, lenient_id(webhook_id)))


@delete("/v1/webhooks/{webhook_id:str}", needs="jobs:write", status_code=204)
async def delete_webhook(call: Call, webhook_id: str) -> None:
    """Delete a webhook and its log; what is on its way to it is given up."""
    await call.write(webhooks.delete, call.project_id, lenient_id(webhook_id), actor=call.actor)


@post("/v1/webhooks/{webhook_id:str}/test", needs="jobs:write", status_code=202)
async def test_webhook(call: Call, webhook_id: str) -> Reply[wire.WebhookDelivery]:
    """Send a message that tells of nothing (`webhook.test`), to see whether it arrives."""
    return await call.answer(mapping.delivery_in_full_out, webhooks.test, call.project_id, lenient_id(webhook_id))


@get("/v1/webhooks/{webhook_id:str}/deliveries", needs="runs:read")
async def list_webhook_deliveries(
    call: Call, webhook_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[wire.WebhookDelivery]:
    """What was or will be sent to a webhook, newest first, with every try; kept for 30 days."""
    (before,) = place(cursor, tuple[str]) or (None,)
    wanted = lenient_id(webhook_id)
    rows = await call.read(webhooks.log, call.project_id, wanted, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.delivery.id))
    return Page(data=[mapping.delivery_out(row) for row in shown], next_cursor=more)


@get("/v1/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}", needs="runs:read")
async def get_webhook_delivery(call: Call, webhook_id: str, delivery_id: str) -> wire.WebhookDelivery:
    """A message to a webhook, with what it says."""
    found = await call.read(webhooks.find_logged, call.project_id, lenient_id(webhook_id), lenient_id(delivery_id))
    return mapping.delivery_in_full_out(found)


@post("/v1/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/redeliver", needs="jobs:write", status_code=202)
async def redeliver_webhook_delivery(call: Call, webhook_id: str, delivery_id: str) -> Reply[wire.WebhookDelivery]:
    """Send a message again, now: one that has arrived or was given up as a new entry of the log."""
    return await call.answer(
        mapping.delivery_in_full_out,
        webhooks.redeliver,
        call.project_id,
        lenient_id(webhook_id),
        lenient_id(delivery_id),
        actor=call.actor,
    )


def handlers(settings: Settings, vault: Vault) -> list[HTTPRouteHandler]:
    """All operations on webhooks."""

    def seal(secret: str) -> str:
        return vault.seal(secret, PURPOSE)

    @post("/v1/webhooks", needs="jobs:write", status_code=201)
    async def create_webhook(call: Call, data: wire.ProjectWebhookIn) -> wire.ProjectWebhook:
        """Tell somebody outside of events, signed by the Standard Webhooks specification; the secret is shown once."""
        new = mapping.webhook_in(data)
        made = await call.write(webhooks.create, call.project_id, new, seal, settings, actor=call.actor)
        return mapping.signed_out(made)

    @patch("/v1/webhooks/{webhook_id:str}", needs="jobs:write", status_code=200)
    async def update_webhook(call: Call, webhook_id: str, data: wire.ProjectWebhookPatch) -> Reply[wire.ProjectWebhook]:
        """Change what is named of a webhook."""
        return await call.answer(
            mapping.webhook_out,
            webhooks.update,
            call.project_id,
            lenient_id(webhook_id),
            mapping.changes_in(data),
            seal,
            settings,
            actor=call.actor,
        )

    @post("/v1/webhooks/{webhook_id:str}/rotate", needs="jobs:write", status_code=200)
    async def rotate_webhook(
        call: Call, webhook_id: str, data: wire.WebhookRotateIn | None = None
    ) -> wire.ProjectWebhook:
        """Give a webhook another secret, shown once; the one before signs as well for a while."""
        asked = data or wire.WebhookRotateIn()
        made = await call.write(
            webhooks.rotate,
            call.project_id,
            lenient_id(webhook_id),
            asked.secret,
            seal,
            grace=span(asked.grace_seconds),
            actor=call.actor,
        )
        return mapping.signed_out(made)

    return [
        list_webhooks,
        create_webhook,
        get_webhook,
        update_webhook,
        delete_webhook,
        rotate_webhook,
        test_webhook,
        list_webhook_deliveries,
        get_webhook_delivery,
        redeliver_webhook_delivery,
    ]
