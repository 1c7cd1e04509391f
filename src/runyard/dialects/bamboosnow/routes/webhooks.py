"""Outgoing webhooks (contract §7)."""

from __future__ import annotations

from typing import Any

from litestar import delete, get, patch, post

from runyard.dialects.bamboosnow.house import House
from runyard.dialects.bamboosnow.mapping import webhooks as mapping
from runyard.dialects.bamboosnow.mapping.values import place, read
from runyard.dialects.bamboosnow.wire import webhooks as wire
from runyard.engine import webhooks
from runyard.engine.webhooks import PURPOSE
from runyard.web.call import Call
from runyard.web.reply import Reply

TAGS = ["Webhooks"]


@get("/v1/webhooks", needs="read", tags=TAGS)
async def list_webhooks(call: Call, page: str | None = None, per_page: str | None = None) -> wire.WebhookList:
    """The project's webhooks, newest first."""
    # There are never more than one page has.
    return mapping.list_out(await call.read(webhooks.page, call.project_id), place(page, per_page))


@get("/v1/webhooks/{webhook_id:str}", needs="read", tags=TAGS)
async def get_webhook(call: Call, webhook_id: str) -> wire.Webhook:
    """A webhook, without its secret."""
    return mapping.webhook_out(await call.read(webhooks.get, call.project_id, read("hook", webhook_id)))


@delete("/v1/webhooks/{webhook_id:str}", needs="admin", status_code=204, tags=TAGS)
async def delete_webhook(call: Call, webhook_id: str) -> None:
    """Delete a webhook and its log; what is on its way to it is given up."""
    await call.write(webhooks.delete, call.project_id, read("hook", webhook_id), actor=call.actor)


@post("/v1/webhooks/{webhook_id:str}/test", needs="admin", status_code=202, tags=TAGS)
async def try_webhook(call: Call, webhook_id: str) -> Reply[wire.Delivery]:
    """Send a message that tells of nothing (`webhook.test`), to see whether it arrives."""
    return await call.answer(mapping.delivery_out, webhooks.test, call.project_id, read("hook", webhook_id))


@get("/v1/webhooks/{webhook_id:str}/deliveries", needs="read", tags=TAGS)
async def list_deliveries(
    call: Call, webhook_id: str, page: str | None = None, per_page: str | None = None
) -> wire.DeliveryList:
    """The newest 10,000 messages to a webhook, newest first, with every try; kept for 30 days."""
    at, wanted = place(page, per_page), read("hook", webhook_id)
    found = await call.read(webhooks.numbered, call.project_id, wanted, offset=at.offset, limit=at.per_page)
    return mapping.log_out(found, at)


@post("/v1/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/redeliver", needs="admin", status_code=202, tags=TAGS)
async def redeliver(call: Call, webhook_id: str, delivery_id: str) -> Reply[wire.Delivery]:
    """Send a message again, now: one that has arrived or was given up as a new entry of the log."""
    return await call.answer(
        mapping.delivery_out,
        webhooks.redeliver,
        call.project_id,
        read("hook", webhook_id),
        read("delivery", delivery_id),
        actor=call.actor,
    )


def handlers(house: House) -> list[Any]:
    """All routes of this module."""

    def seal(secret: str) -> str:
        return house.vault.seal(secret, PURPOSE)

    @post("/v1/webhooks", needs="admin", status_code=201, tags=TAGS)
    async def create_webhook(call: Call, data: wire.WebhookWrite) -> wire.Webhook:
        """Tell somebody outside of events, signed by the Standard Webhooks specification; the secret is shown once."""
        new = mapping.webhook_in(data)
        made = await call.write(webhooks.create, call.project_id, new, seal, house.settings, actor=call.actor)
        return mapping.signed_out(made)

    @patch("/v1/webhooks/{webhook_id:str}", needs="admin", status_code=200, tags=TAGS)
    async def update_webhook(call: Call, webhook_id: str, data: wire.WebhookPatch) -> Reply[wire.Webhook]:
        """Change what is named of a webhook."""
        return await call.answer(
            mapping.webhook_out,
            webhooks.update,
            call.project_id,
            read("hook", webhook_id),
            mapping.changes_in(data),
            seal,
            house.settings,
            actor=call.actor,
        )

    return [
        list_webhooks,
        create_webhook,
        get_webhook,
        update_webhook,
        delete_webhook,
        try_webhook,
        list_deliveries,
        redeliver,
    ]
