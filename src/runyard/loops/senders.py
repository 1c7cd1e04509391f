"""What a server sends to the outside on its own: runs to their endpoints, and messages. One client serves all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from runyard.engine import deliveries as outbox
from runyard.engine.tasks.bridges import TOPIC as NOTIFICATIONS
from runyard.loops import bridges, deliveries, dispatch
from runyard.loops.bridges import Messenger
from runyard.loops.deliveries import Courier
from runyard.loops.dispatch import Dispatcher
from runyard.loops.dispatch.packing import Packer
from runyard.loops.runner import Loop
from runyard.outbound.client import Client
from runyard.outbound.notifiers import Notifier
from runyard.settings import Settings
from runyard.storage.port import Store
from runyard.storage.vault import Vault
from runyard.streams.hub import Hub
from runyard.web.run_tokens import RunTokens


class Senders:
    """The dispatcher, the courier and the messenger of one server."""

    def __init__(self, store: Store, hub: Hub, vault: Vault, tokens: RunTokens, settings: Settings) -> None:
        def wake(topic: str) -> None:
            hub.publish({topic})

        self.client = Client(settings)
        self.dispatcher = Dispatcher(store, self.client, Packer(vault, tokens), settings, wake=wake)
        self.courier = Courier(store, self.client, vault, wake=wake)
        self.messenger = Messenger(store, self.client, Notifier(settings), vault, wake=wake)
        self._grace = settings.drain_seconds
        self._until: float | None = None

    def loops(self, until: Callable[[str], Callable[[float], Awaitable[object]]]) -> list[Loop]:
        """The loops; `until` makes a rest that ends early when a topic is touched."""
        return [
            *dispatch.loops(self.dispatcher, until),
            *deliveries.loops(self.courier, until(outbox.TOPIC)),
            bridges.loop(self.messenger, until(NOTIFICATIONS)),
        ]

    def drain(self) -> None:
        """Begin nothing more; from now on what is under way has as long as the settings say."""
        if self._until is None:
            self._until = time.monotonic() + self._grace
        self.dispatcher.drain()
        self.courier.drain()
        self.messenger.drain()

    async def stop(self) -> None:
        """Let what is under way come to its end as long as there is time, give the rest back, and hang up."""
        self.drain()
        left = (self._until or 0) - time.monotonic()
        await asyncio.gather(self.dispatcher.stop(left), self.courier.stop(left), self.messenger.stop(left))
        self.client.close()
