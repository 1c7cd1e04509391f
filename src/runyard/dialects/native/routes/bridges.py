"""Bridges over which the ends of tasks are told, and who wants to be told."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import bridges as mapping
from runyard.dialects.native.mapping.tasks import task_id as task_in
from runyard.dialects.native.mapping.values import lenient_id
from runyard.dialects.native.wire import Page
from runyard.dialects.native.wire import bridges as wire
from runyard.engine.tasks import bridges, directory, subscriptions
from runyard.engine.tasks.bridges import PURPOSE
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply

OF_TASK = "/v1/tasks/{task_id:str}/subscriptions"
Query = Annotated[str | None, QueryParameter(name="q", max_length=256, description="Only whose name holds this.")]


@get("/v1/bridges", needs="task:read")
async def list_bridges(call: Call, limit: Limit = 50, cursor: Cursor = None) -> Page[wire.Bridge]:
    """The bridges, newest first."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(bridges.seen_page, call.project_id, before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.bridge.id))
    return Page(data=[mapping.bridge_out(row) for row in shown], next_cursor=more)


@get("/v1/bridges/{bridge_id:str}", needs="task:read")
async def get_bridge(call: Call, bridge_id: str) -> wire.Bridge:
    """A bridge, without its secrets."""
    return mapping.bridge_out(await call.read(bridges.seen, call.project_id, lenient_id(bridge_id)))


@delete("/v1/bridges/{bridge_id:str}", needs="task:write", status_code=204)
async def delete_bridge(call: Call, bridge_id: str) -> None:
    """Delete a bridge; refused while tasks have subscriptions that go over it."""
    await call.write(bridges.delete, call.project_id, lenient_id(bridge_id))


@post("/v1/bridges/{bridge_id:str}/enable", needs="task:write", status_code=200)
async def enable_bridge(call: Call, bridge_id: str) -> Reply[wire.Bridge]:
    """Let messages over a bridge again, those first that wait for it."""
    wanted = lenient_id(bridge_id)
    return await call.answer(mapping.bridge_out, bridges.seen_after, bridges.enable, call.project_id, wanted)


@post("/v1/bridges/{bridge_id:str}/disable", needs="task:write", status_code=200)
async def disable_bridge(call: Call, bridge_id: str) -> Reply[wire.Bridge]:
    """Let no message over a bridge; what there is to tell waits."""
    wanted = lenient_id(bridge_id)
    return await call.answer(mapping.bridge_out, bridges.seen_after, bridges.disable, call.project_id, wanted)


@post("/v1/bridges/{bridge_id:str}/restart", needs="task:write", status_code=200)
async def restart_bridge(call: Call, bridge_id: str) -> Reply[wire.Bridge]:
    """Forget what went wrong with a bridge, and try again at once."""
    wanted = lenient_id(bridge_id)
    return await call.answer(mapping.bridge_out, bridges.seen_after, bridges.restart, call.project_id, wanted)


@get("/v1/bridges/{bridge_id:str}/targets", needs="task:read")
async def list_bridge_targets(call: Call, bridge_id: str, named: Query = None) -> wire.BridgeTargets:
    """Whom a bridge leads to, as its newest 1000 subscriptions and its defaults name them."""
    found = await call.read(directory.targets, call.project_id, lenient_id(bridge_id), query=named or "")
    return mapping.targets_out(found)


@post("/v1/bridges/{bridge_id:str}/resolve", needs="task:read", status_code=200)
async def resolve_bridge_target(call: Call, bridge_id: str, data: wire.ResolveIn) -> wire.ResolvedTarget:
    """Who is meant by a name."""
    found = await call.read(directory.resolve, call.project_id, lenient_id(bridge_id), data.name)
    return mapping.resolved_out(found)


@post(OF_TASK, needs="task:write", status_code=201)
async def put_task_subscription(call: Call, task_id: str, data: wire.SubscriptionIn) -> Reply[wire.Subscription]:
    """Tell somebody of the task's end over a bridge; a subscription of the same name is overwritten."""
    by, new = doer(call, "create_subscription"), mapping.subscription_in(data)
    return await call.answer(mapping.subscription_out, subscriptions.put, call.project_id, task_in(task_id), new, by)


@get(OF_TASK, needs="task:read")
async def list_task_subscriptions(call: Call, task_id: str) -> wire.Subscriptions:
    """Who wants to be told of the task's end; at most 100."""
    found = await call.read(subscriptions.of_task, call.project_id, task_in(task_id))
    return wire.Subscriptions(data=[mapping.subscription_out(one) for one in found])


@get(OF_TASK + "/{subscription_id:str}", needs="task:read")
async def get_task_subscription(call: Call, task_id: str, subscription_id: str) -> wire.Subscription:
    """A subscription, by its id or its name, and how far it was told."""
    one = await call.read(subscriptions.find, call.project_id, task_in(task_id), subscription_id)
    return mapping.subscription_out(one)


@delete(OF_TASK + "/{subscription_id:str}", needs="task:write", status_code=204)
async def delete_task_subscription(call: Call, task_id: str, subscription_id: str) -> None:
    """Tell nobody of this subscription any more."""
    await call.write(subscriptions.delete, call.project_id, task_in(task_id), subscription_id)


def handlers(settings: Settings, vault: Vault) -> list[HTTPRouteHandler]:
    """All operations on bridges and subscriptions."""

    def seal(secret: str) -> str:
        return vault.seal(secret, PURPOSE)

    @post("/v1/bridges", needs="task:write", status_code=201)
    async def create_bridge(call: Call, data: wire.BridgeIn) -> wire.Bridge:
        """Make a bridge: to a webhook, signed by the Standard Webhooks specification, or through apprise."""
        new = mapping.bridge_in(data)
        return mapping.made_out(await call.write(bridges.create, call.project_id, new, seal, settings))

    @patch("/v1/bridges/{bridge_id:str}", needs="task:write", status_code=200)
    async def update_bridge(call: Call, bridge_id: str, data: wire.BridgePatch) -> wire.Bridge:
        """Change what is named of a bridge."""
        changes, secrets = mapping.changes_in(data)
        wanted = lenient_id(bridge_id)
        return mapping.made_out(
            await call.write(bridges.update, call.project_id, wanted, changes, seal, settings, secrets=secrets)
        )

    return [
        list_bridges,
        create_bridge,
        get_bridge,
        update_bridge,
        delete_bridge,
        enable_bridge,
        disable_bridge,
        restart_bridge,
        list_bridge_targets,
        resolve_bridge_target,
        put_task_subscription,
        list_task_subscriptions,
        get_task_subscription,
        delete_task_subscription,
    ]
