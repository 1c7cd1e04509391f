"""Requests that succeed: bridges, and who is told over them of the ends of tasks."""

from __future__ import annotations

from tests.dialects.native.recipes import Ask, recipe
from tests.support.api import Api, good
from tests.support.stand import Stand
from tests.support.verbs import Json
from tests.support.yard import Yard


def bridge_of(api: Api) -> Json:
    """A bridge to a webhook."""
    found: Json = good(api.post("/bridges", {"name": "ops", "url": "https://example.com/hook"}), 201)
    return found


def subscription_of(stand: Stand, api: Api) -> str:
    """The path of a subscription of a new task."""
    task_id = Yard(stand.store, stand.clock).task().id
    body = {"bridge_id": bridge_of(api)["id"], "group_id": "ops"}
    made = good(api.post(f"/tasks/{task_id}/subscriptions", body), 201)
    return f"/tasks/{task_id}/subscriptions/{made['id']}"


@recipe
def list_bridges(stand: Stand, api: Api) -> Ask:
    bridge_of(api)
    return Ask(method="GET", path="/bridges")


@recipe
def create_bridge(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path="/bridges", body={"name": "ops", "url": "https://example.com/", "config": {"a": 1}})


@recipe
def get_bridge(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/bridges/{bridge_of(api)['id']}")


@recipe
def update_bridge(stand: Stand, api: Api) -> Ask:
    return Ask(method="PATCH", path=f"/bridges/{bridge_of(api)['id']}", body={"name": "dev", "suppressed": True})


@recipe
def delete_bridge(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=f"/bridges/{bridge_of(api)['id']}")


@recipe
def enable_bridge(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/bridges/{bridge_of(api)['id']}/enable")


@recipe
def disable_bridge(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/bridges/{bridge_of(api)['id']}/disable")


@recipe
def restart_bridge(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/bridges/{bridge_of(api)['id']}/restart")


def _bridge_with_target(stand: Stand, api: Api) -> str:
    return str(good(api.get(subscription_of(stand, api)))["bridge_id"])


@recipe
def list_bridge_targets(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=f"/bridges/{_bridge_with_target(stand, api)}/targets", params={"q": "op"})


@recipe
def resolve_bridge_target(stand: Stand, api: Api) -> Ask:
    return Ask(method="POST", path=f"/bridges/{_bridge_with_target(stand, api)}/resolve", body={"name": "#Ops"})


@recipe
def put_task_subscription(stand: Stand, api: Api) -> Ask:
    task_id = Yard(stand.store, stand.clock).task().id
    body = {"bridge_id": bridge_of(api)["id"], "peer_id": "ada", "thread_id": "7", "name": "mine"}
    return Ask(method="POST", path=f"/tasks/{task_id}/subscriptions", body=body)


@recipe
def list_task_subscriptions(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=subscription_of(stand, api).rpartition("/")[0])


@recipe
def get_task_subscription(stand: Stand, api: Api) -> Ask:
    return Ask(method="GET", path=subscription_of(stand, api))


@recipe
def delete_task_subscription(stand: Stand, api: Api) -> Ask:
    return Ask(method="DELETE", path=subscription_of(stand, api))
