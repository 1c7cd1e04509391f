"""Where news of tasks is sent: bridges and subscriptions (contract §22, §28)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import delete, get, patch, post, put
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.errors import Unprocessable
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import bridges as mapping
from runyard.dialects.agh.mapping import subscriptions as of_subscriptions
from runyard.dialects.agh.mapping.values import limit as limit_of
from runyard.dialects.agh.mapping.values import read
from runyard.dialects.agh.wire import bridges as wire
from runyard.dialects.agh.wire import subscriptions as subscription_wire
from runyard.dialects.agh.wire.queries import Number
from runyard.engine.tasks import bridges, directory, subscriptions
from runyard.engine.tasks.bridges import PURPOSE
from runyard.engine.tasks.directory import Ambiguous
from runyard.web.call import Call

TAGS = ["bridges"]
OF_TASK = "/api/tasks/{id:str}/notifications/bridges"
TARGETS, MOST_TARGETS = 50, 200


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [
        list_bridges,
        get_bridge,
        enable_bridge,
        disable_bridge,
        restart_bridge,
        list_bridge_targets,
        resolve_bridge_target,
        list_bridge_secret_bindings,
        create_task_bridge_notification_subscription,
        list_task_bridge_notification_subscriptions,
        get_task_bridge_notification_subscription,
        delete_task_bridge_notification_subscription,
        *_sealing(house),
    ]


@get("/api/bridges", needs="task:read", tags=TAGS)
async def list_bridges(call: Call) -> wire.BridgesAnswer:
    """The bridges, newest first."""
    return mapping.list_out(await call.read(bridges.seen_page, call.project_id))


@get("/api/bridges/{id:str}", needs="task:read", tags=TAGS)
async def get_bridge(call: Call, id: str) -> wire.BridgeAnswer:
    """A bridge, and how it works."""
    return mapping.answer_out(await call.read(bridges.seen, call.project_id, read("brg", id)))


@post("/api/bridges/{id:str}/enable", needs="task:write", status_code=200, tags=TAGS)
async def enable_bridge(call: Call, id: str) -> wire.BridgeAnswer:
    """Let messages over a bridge again, those first that wait for it."""
    seen = await call.write(bridges.seen_after, bridges.enable, call.project_id, read("brg", id))
    return mapping.answer_out(seen)


@post("/api/bridges/{id:str}/disable", needs="task:write", status_code=200, tags=TAGS)
async def disable_bridge(call: Call, id: str) -> wire.BridgeAnswer:
    """Let no message over a bridge; what there is to tell waits."""
    seen = await call.write(bridges.seen_after, bridges.disable, call.project_id, read("brg", id))
    return mapping.answer_out(seen)


@post("/api/bridges/{id:str}/restart", needs="task:write", status_code=200, tags=TAGS)
async def restart_bridge(call: Call, id: str) -> wire.BridgeAnswer:
    """Forget what went wrong with a bridge, and try again at once."""
    seen = await call.write(bridges.seen_after, bridges.restart, call.project_id, read("brg", id))
    return mapping.answer_out(seen)


@get("/api/bridges/{id:str}/targets", needs="task:read", tags=TAGS)
async def list_bridge_targets(call: Call, id: str, q: str | None = None, limit: Number = None) -> wire.TargetsAnswer:
    """Whom a bridge leads to, as defaults and subscriptions name them."""
    most = min(limit_of(limit) or TARGETS, MOST_TARGETS)
    found = await call.read(directory.targets, call.project_id, read("brg", id), query=q or "")
    return mapping.targets_out(found, most)


@post("/api/bridges/{id:str}/resolve", needs="task:read", status_code=200, tags=TAGS)
async def resolve_bridge_target(call: Call, id: str, data: wire.ResolveRequest) -> wire.ResolvedAnswer:
    """Who is meant by a name: written in full, by name, with a qualifier, or by how it begins."""
    bridge_id = read("brg", id)
    try:
        found = await call.read(directory.resolve, call.project_id, bridge_id, data.name)
    except Ambiguous as error:
        raise Unprocessable(error.detail) from None
    return mapping.resolved_out(bridge_id, found)


@get("/api/bridges/{id:str}/secret-bindings", needs="task:read", tags=TAGS)
async def list_bridge_secret_bindings(call: Call, id: str) -> wire.BindingsAnswer:
    """The names of a bridge's secrets."""
    return mapping.bindings_out(await call.read(bridges.get, call.project_id, read("brg", id)))


def _sealing(house: House) -> list[ControllerRouterHandler]:
    """The routes that take secrets in."""

    def seal(secret: str) -> str:
        return house.vault.seal(secret, PURPOSE)

    settings = house.settings

    @post("/api/bridges", needs="task:write", status_code=201, tags=TAGS)
    async def create_bridge(call: Call, data: wire.CreateBridgeRequest) -> wire.BridgeAnswer:
        """Make a bridge: to a webhook, or through apprise to one of the services it knows."""
        new = mapping.bridge_in(data)
        return mapping.made_out(await call.write(bridges.create, call.project_id, new, seal, settings))

    @patch("/api/bridges/{id:str}", needs="task:write", status_code=200, tags=TAGS)
    async def update_bridge(call: Call, id: str, data: wire.UpdateBridgeRequest) -> wire.BridgeAnswer:
        """Change what is named of a bridge."""
        bridge_id, changes = read("brg", id), mapping.changes_in(data)
        made = await call.write(
            bridges.update,
            call.project_id,
            bridge_id,
            changes,
            seal,
            settings,
            secrets=data.secrets,
            forget=bool(data.clear_degradation),
        )
        return mapping.made_out(made)

    @put("/api/bridges/{id:str}/secret-bindings/{binding_name:str}", needs="task:write", status_code=200, tags=TAGS)
    async def put_bridge_secret_binding(
        call: Call, id: str, binding_name: str, data: wire.PutSecretRequest
    ) -> wire.BindingAnswer:
        """Give a bridge a secret: `url`, where it leads, or `signing_secret`, which signs messages to a webhook."""
        secrets = mapping.secret_in(binding_name, data)
        made = await call.write(bridges.update, call.project_id, read("brg", id), {}, seal, settings, secrets=secrets)
        return mapping.binding_out(made, binding_name)

    @delete("/api/bridges/{id:str}/secret-bindings/{binding_name:str}", needs="task:write", status_code=204, tags=TAGS)
    async def delete_bridge_secret_binding(call: Call, id: str, binding_name: str) -> None:
        """Take a secret away from a bridge."""
        await call.write(bridges.unbind, call.project_id, read("brg", id), binding_name, seal, settings)

    return [create_bridge, update_bridge, put_bridge_secret_binding, delete_bridge_secret_binding]


@post(OF_TASK, needs="task:write", status_code=201, tags=["tasks"])
async def create_task_bridge_notification_subscription(
    call: Call, id: str, data: subscription_wire.CreateSubscriptionRequest
) -> subscription_wire.SubscriptionAnswer:
    """Tell somebody of a task's end over a bridge; a subscription of the same id is overwritten."""
    by = await people.doer(call, "create_bridge_notification_subscription")
    task_id = read("task", id, call.project_id)
    check, new = of_subscriptions.check_in(data), of_subscriptions.subscription_in(data)
    made = await call.write(
        subscriptions.put,
        call.project_id,
        task_id,
        new,
        by,
        check=check,
        unnamed=of_subscriptions.unnamed,
    )
    return subscription_wire.SubscriptionAnswer(subscription=of_subscriptions.subscription_out(made))


@get(OF_TASK, needs="task:read", tags=["tasks"])
async def list_task_bridge_notification_subscriptions(
    call: Call,
    id: str,
    bridge_instance_id: str | None = None,
    kind: Annotated[str | None, QueryParameter(name="scope")] = None,
    workspace_id: str | None = None,
    limit: Number = None,
) -> subscription_wire.SubscriptionsAnswer:
    """Who wants to be told of a task's end, the one changed last first."""
    await people.doer(call, "list_bridge_notification_subscriptions")
    filters = of_subscriptions.filters_in(bridge_instance_id, kind, workspace_id)
    task_id, most = read("task", id, call.project_id), limit_of(limit)
    found = await call.read(subscriptions.of_task, call.project_id, task_id, limit=most, **filters)
    return subscription_wire.SubscriptionsAnswer(
        subscriptions=[of_subscriptions.subscription_out(one) for one in found]
    )


@get(OF_TASK + "/{subscription_id:str}", needs="task:read", tags=["tasks"])
async def get_task_bridge_notification_subscription(
    call: Call, id: str, subscription_id: str
) -> subscription_wire.SubscriptionAnswer:
    """A subscription, and how far it was told."""
    await people.doer(call, "get_bridge_notification_subscription")
    task_id = read("task", id, call.project_id)
    one = await call.read(subscriptions.find, call.project_id, task_id, subscription_id.strip())
    return subscription_wire.SubscriptionAnswer(subscription=of_subscriptions.subscription_out(one))


@delete(OF_TASK + "/{subscription_id:str}", needs="task:write", status_code=204, tags=["tasks"])
async def delete_task_bridge_notification_subscription(call: Call, id: str, subscription_id: str) -> None:
    """Tell nobody of this subscription any more."""
    await people.doer(call, "delete_bridge_notification_subscription")
    task_id = read("task", id, call.project_id)
    await call.write(subscriptions.delete, call.project_id, task_id, subscription_id.strip())
