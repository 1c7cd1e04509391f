"""Messages to the outside: sent as they become due, side by side, each settled for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from runyard.domain.errors import Conflict
from runyard.domain.policy import SECOND
from runyard.engine import deliveries, job_secrets
from runyard.engine.deliveries import Sent
from runyard.loops.runner import Loop
from runyard.outbound.client import Client
from runyard.outbound.messages import NoAnswer, Outgoing
from runyard.outbound.signatures import signature, signed
from runyard.storage.port import Store
from runyard.storage.statements.deliveries import Delivery
from runyard.storage.vault import Vault

log = structlog.get_logger("runyard.deliveries")

PAUSE = 5.0
TIMEOUT = 10.0
AT_ONCE = 100
"""So many messages are under way at once at most."""
MOST_HEARD = 4096


class Courier:
    """One server's sender of messages."""

    def __init__(self, store: Store, client: Client, vault: Vault, *, wake: Callable[[str], object]) -> None:
        self.store = store
        self.client = client
        self.vault = vault
        self._wake = wake
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_draining = False

    async def send_once(self) -> float | None:
        """Send what is due, as far as there is room; the seconds until more is."""
        room = AT_ONCE - len(self._tasks)
        if room <= 0 or self._is_draining:
            return None
        due = await self.store.read(deliveries.next_due)
        if due is None:
            return None
        wait = (due - self.store.now()) / SECOND
        if wait > 0:
            return min(wait, PAUSE)
        taken = await self.store.write(deliveries.take, room)
        for one in taken:
            task = asyncio.create_task(self._deliver(one))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return 0.0 if taken else None

    def drain(self) -> None:
        """Take nothing more."""
        self._is_draining = True

    async def stop(self, seconds: float) -> None:
        """Let what is under way arrive for so long; what does not is sent again later, by whoever takes it."""
        self.drain()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(0.0, seconds))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def forget_once(self) -> float | None:
        """Delete old messages."""
        return 0.05 if await self.store.write(deliveries.forget) else None

    async def _deliver(self, delivery: Delivery) -> None:
        sent = await self._sent(delivery)
        if sent.error is not None:
            log.warning("delivery.failed", delivery=delivery.id, attempts=sent.attempts, detail=sent.error)
        await self.store.write(deliveries.settle, [sent])

    async def _sent(self, delivery: Delivery) -> Sent:
        attempts = delivery.attempts + 1
        try:
            request = self._request(delivery)
            answer = await self.client.send(request, timeout=TIMEOUT)
        except Conflict as error:
            return Sent(id=delivery.id, attempts=attempts, error=error.detail, again=False)
        except NoAnswer as trouble:
            again = trouble.trouble != "refused"
            return Sent(id=delivery.id, attempts=attempts, error=trouble.detail[:500], again=again)
        if 200 <= answer.status < 300:
            return Sent(id=delivery.id, attempts=attempts)
        error_text = f"answered with status {answer.status}"
        return Sent(id=delivery.id, attempts=attempts, error=error_text, again=not 400 <= answer.status < 500)

    def _request(self, delivery: Delivery) -> Outgoing:
        """The message as it goes out. Raises `Conflict` when its secret does not open."""
        body = delivery.body.encode()
        secret = None if delivery.secret is None else self.vault.open(delivery.secret, job_secrets.SIGNING)
        seconds = self.store.now() // SECOND
        headers = [("Content-Type", "application/json"), ("User-Agent", "runyard"), *_given(delivery)]
        headers += signed(secret, body, seconds)
        if secret is not None:
            headers.append(("X-Webhook-Signature", signature(secret, str(seconds), body)))
        return Outgoing(url=delivery.url, headers=headers, body=body, max_body=MOST_HEARD)

    def _done(self, task: asyncio.Task[None]) -> None:
        was_full = len(self._tasks) >= AT_ONCE
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Nothing was settled: the message is due again when its time with us is over.
            log.error("delivery.task_failed", exc_info=task.exception())
        if was_full:
            self._wake(deliveries.TOPIC)


def _given(delivery: Delivery) -> list[tuple[str, str]]:
    found: dict[str, Any] = msgspec.json.decode(delivery.headers)
    return [(name, str(value)) for name, value in found.items()]


def loops(courier: Courier, wait: Callable[[float], Awaitable[object]]) -> list[Loop]:
    """The courier's loops; `wait` ends early when there is a new message."""
    return [
        Loop(name="deliveries", once=courier.send_once, pause=PAUSE, wait=wait),
        Loop(name="deliveries-old", once=courier.forget_once, pause=600.0),
    ]
