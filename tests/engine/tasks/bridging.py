"""Bridges and subscriptions as tests speak of them."""

from __future__ import annotations

import json
from typing import Any

from runyard.domain.bridges import Bridge, Subscription
from runyard.domain.tasks import Task
from runyard.domain.webhooks import written
from runyard.engine.tasks import bridges, notifying, subscriptions
from runyard.engine.tasks.bridges import Made, NewBridge
from runyard.engine.tasks.notifying import Pass, Settled
from runyard.engine.tasks.subscriptions import NewSubscription
from runyard.settings import Settings
from runyard.storage.port import Store
from tests.support.yard import PERSON

SETTINGS = Settings()
URL = "https://example.com/hook"
SECRET = written(b"k" * 32)


def seal(secret: str) -> str:
    """The secret as these bridges keep it; no vault opens it."""
    return f"sealed {secret}"


def made(store: Store, *, url: str | None = URL, **said: Any) -> Made:
    """A bridge to a webhook, and what signs its messages if that was made."""
    new: dict[str, Any] = {"display_name": "bridge", "secrets": {"url": url} if url else {}, **said}
    return store.transact(bridges.create, 1, NewBridge(**new), seal, SETTINGS)


def bridge(store: Store, **said: Any) -> Bridge:
    """A bridge to a webhook."""
    return made(store, **said).bridge


def change(store: Store, of: Bridge, secrets: dict[str, str | None] | None = None, **changes: Any) -> Bridge:
    """The bridge with these changes."""
    return store.transact(bridges.update, 1, of.id, changes, seal, SETTINGS, secrets=secrets).bridge


def see(store: Store, of: Bridge) -> Bridge:
    """The bridge as it stands."""
    return store.look(bridges.get, 1, of.id)


def subscribe(store: Store, task: Task, over: Bridge, **said: Any) -> Subscription:
    """A subscription of the task over the bridge, for a peer unless somebody else is named."""
    who: dict[str, Any] = {} if "group_id" in said or "peer_id" in said else {"peer_id": "ada"}
    new = NewSubscription(bridge_id=over.id, **(who | said))
    return store.transact(subscriptions.put, 1, task.id, new, PERSON)


def now(store: Store, one: Subscription) -> Subscription:
    """The subscription as it stands."""
    return store.look(subscriptions.find, 1, one.task_id, one.name)


def due(store: Store) -> list[Pass]:
    """What there is to tell, which nobody else takes."""
    return store.look(notifying.passes, store.transact(notifying.take, 20))


def settle(store: Store, one: Pass, error: str | None = None) -> None:
    """Note what became of a pass."""
    store.transact(notifying.settle, Settled(of=one, error=error))


def told(store: Store, error: str | None = None) -> list[dict[str, Any]]:
    """All messages there are to tell now, each of which is taken by the other side, or not."""
    found: list[dict[str, Any]] = []
    for _ in range(50):
        passes = due(store)
        if not passes:
            return found
        for one in passes:
            if one.message is not None:
                found.append(json.loads(one.message.body))
            settle(store, one, error if one.message is not None else None)
    raise AssertionError("there is always more to tell")
