"""The ends of tasks, told over bridges: each pass for itself, side by side, sent before the cursor moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from runyard.domain.bridges import SIGNING_SECRET, URL
from runyard.domain.errors import Conflict
from runyard.domain.policy import SECOND
from runyard.domain.webhooks import key_of
from runyard.engine.tasks import notifying
from runyard.engine.tasks.bridges import PURPOSE, TOPIC
from runyard.engine.tasks.notifying import Message, Pass, Settled
from runyard.loops.runner import Loop
from runyard.outbound.client import Client
from runyard.outbound.messages import NoAnswer, Outgoing
from runyard.outbound.notifiers import Notifier, filled
from runyard.outbound.signatures import identified
from runyard.storage.port import Store
from runyard.storage.vault import Vault

log = structlog.get_logger("runyard.bridges")

PAUSE = 5.0
TIMEOUT = 20.0
AT_ONCE = 20
"""So many passes are under way at once at most."""
MOST_HEARD = 4096


class Messenger:
    """One server's teller of ends."""

    def __init__(
        self, store: Store, client: Client, notifier: Notifier, vault: Vault, *, wake: Callable[[str], object]
    ) -> None:
        self.store = store
        self.client = client
        self.notifier = notifier
        self.vault = vault
        self._wake = wake
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_draining = False

    async def tell_once(self) -> float | None:
        """Begin what is due, as far as there is room; the seconds until more is."""
        room = AT_ONCE - len(self._tasks)
        if room <= 0 or self._is_draining:
            return None
        due = await self.store.read(notifying.next_look)
        if due is None:
            return None
        wait = (due - self.store.now()) / SECOND
        if wait > 0:
            return min(wait, PAUSE)
        taken = await self.store.write(notifying.take, room)
        if not taken:
            return None
        for one in await self.store.read(notifying.passes, taken):
            self._begin(one)
        return 0.0

    def _begin(self, one: Pass) -> None:
        task = asyncio.create_task(self._told(one))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def drain(self) -> None:
        """Begin nothing more."""
        self._is_draining = True

    async def stop(self, seconds: float) -> None:
        """Let what is under way arrive for so long; what does not is sent again later, by whoever takes it."""
        self.drain()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(0.0, seconds))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.notifier.close()

    async def _told(self, one: Pass) -> None:
        error = await self._sent(one.message) if one.message is not None else None
        if error is not None and one.message is not None:
            log.warning("notification.failed", delivery=one.message.id, bridge=one.taken.bridge_id, detail=error)
        await self.store.write(notifying.settle, Settled(of=one, error=error))

    async def _sent(self, message: Message) -> str | None:
        """Send it; why the other side did not take it, if so."""
        try:
            url = self.vault.open(message.secrets[URL], PURPOSE)
            if message.sender == "apprise":
                await self.notifier.send(filled(url, message.target), message.title, message.text, timeout=TIMEOUT)
                return None
            answer = await self.client.send(self._request(url, message), timeout=TIMEOUT)
        except Conflict as error:
            return error.detail
        except NoAnswer as trouble:
            return trouble.detail
        return None if 200 <= answer.status < 300 else f"the webhook answered with status {answer.status}"

    def _request(self, url: str, message: Message) -> Outgoing:
        """The message as it goes to a webhook. Raises `Conflict` when its secret does not open."""
        body = message.body.encode()
        key = key_of(self.vault.open(message.secrets[SIGNING_SECRET], PURPOSE))
        headers = [("Content-Type", "application/json"), ("User-Agent", "runyard")]
        headers += identified([key], message.id, body, self.store.now() // SECOND)
        return Outgoing(url=url, headers=headers, body=body, max_body=MOST_HEARD)

    def _done(self, task: asyncio.Task[None]) -> None:
        was_full = len(self._tasks) >= AT_ONCE
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Nothing was settled: it is looked at again when its time with us is over.
            log.error("notification.task_failed", exc_info=task.exception())
        if was_full:
            self._wake(TOPIC)


def loop(messenger: Messenger, wait: Callable[[float], Awaitable[object]]) -> Loop:
    """The messenger's loop; `wait` ends early when there is something to tell."""
    return Loop(name="bridges", once=messenger.tell_once, pause=PAUSE, wait=wait)
