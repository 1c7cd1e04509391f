"""Messages to the outside: sent as they become due, side by side, each settled for itself."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog

from runyard.domain.errors import Conflict
from runyard.domain.policy import SECOND
from runyard.domain.webhooks import Webhook, key_of
from runyard.engine import bulletins, deliveries, job_secrets, tries, webhooks
from runyard.engine.deliveries import Sent
from runyard.engine.tries import Pace, Tried
from runyard.loops.runner import Loop
from runyard.outbound.client import Client
from runyard.outbound.messages import NoAnswer, Outgoing
from runyard.outbound.signatures import identified, signature, signed
from runyard.storage.port import Store
from runyard.storage.statements.deliveries import Delivery
from runyard.storage.statements.webhooks import Try
from runyard.storage.vault import Vault

log = structlog.get_logger("runyard.deliveries")

PAUSE = 5.0
TIMEOUT = 10.0
TIMEOUT_OF_WEBHOOKS = 20.0
"""Within what the specification recommends."""
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
        self._under_way: Counter[str] = Counter()
        self._turns: dict[str, int] = {}
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
        taken = await self.store.write(tries.take, room, Pace(dict(self._under_way), self._turns))
        now = self.store.now()
        self._turns = {name: turn for name, turn in self._turns.items() if turn > now} | taken.turns
        for one in taken.deliveries:
            if one.webhook_id is not None:
                self._under_way[one.webhook_id] += 1
            task = asyncio.create_task(self._deliver(one, taken.webhooks))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return 0.0 if taken.deliveries or taken.turns else None

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

    async def _deliver(self, delivery: Delivery, webhooks: Mapping[str, Webhook]) -> None:
        if delivery.webhook_id is not None:
            try:
                await self._tell(delivery, delivery.webhook_id, webhooks.get(delivery.webhook_id))
            finally:
                self._under_way -= Counter((delivery.webhook_id,))
            return
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

    async def _tell(self, delivery: Delivery, webhook_id: str, webhook: Webhook | None) -> None:
        """Send news to a webhook, and have the try kept."""
        began, clock = self.store.now(), time.perf_counter()
        status: int | None = None
        error: str | None = None
        said: dict[str, Any] = {}
        try:
            answer = await self.client.send(self._news(delivery, webhook), timeout=TIMEOUT_OF_WEBHOOKS)
        except Conflict as refused:
            error, said = refused.detail, {"again": False}
        except NoAnswer as trouble:
            error, said = trouble.detail[:500], {"again": trouble.trouble != "refused"}
        else:
            status = answer.status
            if not 200 <= status < 300:
                error = f"answered with status {status}"
                said = {"gone": status == 410, "retry_after": _asked_to_wait(answer.headers.get("retry-after"))}
        if error is not None:
            log.warning("delivery.failed", delivery=delivery.id, webhook=webhook_id, detail=error)
        result = Try(
            delivery_id=delivery.id,
            number=delivery.attempts + 1,
            at=began,
            status=status,
            duration_ms=round((time.perf_counter() - clock) * 1000),
            error=error,
        )
        await self.store.write(tries.settle, [Tried(webhook_id=webhook_id, result=result, **said)])

    def _news(self, delivery: Delivery, webhook: Webhook | None) -> Outgoing:
        """News as they go out. Raises `Conflict` when the webhook takes none, or its secret does not open."""
        if webhook is None:
            raise Conflict("the webhook was disabled or deleted before the message could be sent")
        body = delivery.body.encode()
        now = self.store.now()
        keys = [key_of(self.vault.open(sealed, webhooks.PURPOSE)) for sealed in webhook.secrets(now)]
        headers = [("Content-Type", "application/json"), ("User-Agent", "runyard")]
        headers += identified(keys, bulletins.shown("evt", delivery.subject), body, now // SECOND)
        return Outgoing(url=webhook.url, headers=headers, body=body, max_body=MOST_HEARD)

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


def _asked_to_wait(retry_after: str | None) -> int | None:
    """How long a receiver wants to be left alone; times of day are not read."""
    text = (retry_after or "").strip()
    return int(text) * SECOND if text.isascii() and text.isdigit() and len(text) < 10 else None


def _given(delivery: Delivery) -> list[tuple[str, str]]:
    found: dict[str, Any] = msgspec.json.decode(delivery.headers)
    return [(name, str(value)) for name, value in found.items()]


def loops(courier: Courier, wait: Callable[[float], Awaitable[object]]) -> list[Loop]:
    """The courier's loops; `wait` ends early when there is a new message."""
    return [
        Loop(name="deliveries", once=courier.send_once, pause=PAUSE, wait=wait),
        Loop(name="deliveries-old", once=courier.forget_once, pause=600.0),
    ]
