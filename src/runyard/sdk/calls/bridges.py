"""Requests about bridges, and about who is told of the ends of tasks over them."""

from __future__ import annotations

from typing import Unpack

from runyard.sdk import models
from runyard.sdk.call import Call, get, query, segment, send
from runyard.sdk.room_fields import BridgeChanges, BridgeFields, SubscriptionFields


def create(name: str, **fields: Unpack[BridgeFields]) -> Call[models.Bridge]:
    """Make a bridge; the `signing_secret` of the answer is never shown again."""
    return send("POST", "/bridges", models.Bridge, {"name": name, **fields})


def list_all(*, limit: int | None = None) -> Call[models.Page[models.Bridge]]:
    """Bridges, newest first."""
    return get("/bridges", models.Page[models.Bridge], query(limit=limit))


def read(bridge_id: str) -> Call[models.Bridge]:
    """One bridge, without its secrets."""
    return get(_bridge(bridge_id), models.Bridge)


def update(bridge_id: str, **changes: Unpack[BridgeChanges]) -> Call[models.Bridge]:
    """Change what is given."""
    return send("PATCH", _bridge(bridge_id), models.Bridge, changes)


def delete(bridge_id: str) -> Call[None]:
    """Delete a bridge. Raises `Conflict` while tasks have subscriptions that go over it."""
    return send("DELETE", _bridge(bridge_id), None)


def enable(bridge_id: str) -> Call[models.Bridge]:
    """Let messages over a bridge again, those first that wait for it."""
    return send("POST", f"{_bridge(bridge_id)}/enable", models.Bridge)


def disable(bridge_id: str) -> Call[models.Bridge]:
    """Let no message over a bridge; what there is to tell waits."""
    return send("POST", f"{_bridge(bridge_id)}/disable", models.Bridge)


def restart(bridge_id: str) -> Call[models.Bridge]:
    """Forget what went wrong with a bridge, and try again at once."""
    return send("POST", f"{_bridge(bridge_id)}/restart", models.Bridge)


def targets(bridge_id: str, *, text: str | None = None) -> Call[models.Page[models.BridgeTarget]]:
    """Whom a bridge leads to; with a text, only those whose name holds it."""
    return get(f"{_bridge(bridge_id)}/targets", models.Page[models.BridgeTarget], query(q=text))


def resolve(bridge_id: str, name: str) -> Call[models.ResolvedTarget]:
    """Who is meant by a name. Raises `Conflict` where several may be."""
    return send("POST", f"{_bridge(bridge_id)}/resolve", models.ResolvedTarget, {"name": name})


def subscribe(task_id: str, **fields: Unpack[SubscriptionFields]) -> Call[models.Subscription]:
    """Tell somebody of the task's end over a bridge; a subscription of the same name is overwritten."""
    return send("POST", _subscriptions(task_id), models.Subscription, fields)


def subscriptions(task_id: str) -> Call[models.Page[models.Subscription]]:
    """Who wants to be told of the task's end, the one changed last first."""
    return get(_subscriptions(task_id), models.Page[models.Subscription])


def subscription(task_id: str, name: str) -> Call[models.Subscription]:
    """A subscription, by its name or id, and how far it was told."""
    return get(f"{_subscriptions(task_id)}/{segment(name)}", models.Subscription)


def unsubscribe(task_id: str, name: str) -> Call[None]:
    """Tell nobody of this subscription any more."""
    return send("DELETE", f"{_subscriptions(task_id)}/{segment(name)}", None)


def _bridge(bridge_id: str) -> str:
    return f"/bridges/{segment(bridge_id)}"


def _subscriptions(task_id: str) -> str:
    return f"/tasks/{segment(task_id)}/subscriptions"
