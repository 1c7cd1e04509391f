"""What a server sends to the outside on its own: runs to their endpoints, and messages. One client serves all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from runyard.engine import deliveries as outbox
from runyard.engine.coding.telling import TOPIC as RELAYS
from runyard.engine.tasks.bridges import TOPIC as NOTIFICATIONS
from runyard.loops import bridges, deliveries, dispatch, relays
from runyard.loops.bridges import Messenger
from runyard.loops.deliveries import Courier
from runyard.loops.dispatch import Dispatcher
from runyard.loops.dispatch.packing import Packer
from runyard.loops.runner import Loop
from runyard.outbound.client import Client
from runyard.outbound.notifiers import Notifier
from runyard.outbound.slack import Slack, missing
from runyard.settings import Settings
from runyard.storage.port import Store
from runyard.storage.vault import Vault
from runyard.streams.hub import Hub
from runyard.web.run_tokens import RunTokens

log = structlog.get_logger("runyard.senders")


class Senders:
    """The dispatcher, the courier and the messenger of one server."""

    def __init__(self, store: Store, hub: Hub, vault: Vault, tokens: RunTokens, settings: Settings) -> None:
        def wake(topic: str) -> None:
            hub.publish({topic})

        self.client = Client(settings)
        self.dispatcher = Dispatcher(store, self.client, Packer(vault, tokens), settings, wake=wake)
        self.courier = Courier(store, self.client, vault, wake=wake)
        self.messenger = Messenger(store, self.client, Notifier(settings), vault, wake=wake)
        self.slack = _slack(settings)
        self.teller = relays.Teller(store, self.slack) if self.slack is not None else None
        self._grace = settings.drain_seconds
        self._until: float | None = None

    def loops(self, until: Callable[[str], Callable[[float], Awaitable[object]]]) -> list[Loop]:
        """The loops; `until` makes a rest that ends early when a topic is touched."""
        return [
            *dispatch.loops(self.dispatcher, until),
            *deliveries.loops(self.courier, until(outbox.TOPIC)),
            bridges.loop(self.messenger, until(NOTIFICATIONS)),
            *([relays.loop(self.teller, until(RELAYS))] if self.teller is not None else ()),
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
        if self.slack is not None:
            self.slack.close()
        self.client.close()


def _slack(settings: Settings) -> Slack | None:
    """The voice in Slack, where a token is set; without one what is queued waits until there is."""
    if settings.slack_token is None:
        return None
    problem = missing()
    if problem is not None:
        log.warning("slack.off", reason=problem)
        return None
    return Slack(settings.slack_token, settings.slack_url)
