"""Events sent to the control plane as numbered JSON lines (contract §9.9)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

import httpx2
import msgspec

from runyard.agent_server.clock import Clock
from runyard.agent_server.control import FIRST_DELAY, LONGEST_DELAY
from runyard.agent_server.launch import Launch

log = logging.getLogger("runyard.agent_server")
GATHER_SECONDS = 0.02
MAX_EVENTS = 900
MAX_BYTES = 4 << 20
MAX_EVENT = 900_000
LIMIT_EVENTS = 20_000
LIMIT_BYTES = 64 << 20
MAX_CONFLICTS = 5
"""Conflicts in a row, with nothing accepted between them, after which the stream is taken as over."""


class Ingest:
    """Events on their way, numbered when they are sent."""

    def __init__(self, launch: Launch, http: httpx2.AsyncClient, clock: Clock) -> None:
        run = f"/api/projects/{launch.project}/tasks/{launch.task_id}/runs/{launch.run_id}/event_stream/"
        base = launch.ingest_url or launch.api_url
        self._url = base if base.endswith("/event_stream") else base + run
        self._headers = {"Authorization": f"Bearer {launch.ingest_token}", "Content-Type": "application/x-ndjson"}
        self._http = http
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._accepted: int | None = None
        """The number of the last event that arrived; nobody knows before it is asked for."""
        self._conflicts = 0
        self._news = asyncio.Event()
        self._line = asyncio.Lock()
        self.is_over = False

    def put(self, event: dict[str, Any]) -> None:
        """Take an event; it is sent at once."""
        if self.is_over:
            return
        line = msgspec.json.encode(event)
        if len(line) > MAX_EVENT:
            line = msgspec.json.encode(_shortened(event))
        self._waiting.append(line)
        self._bytes += len(line)
        while len(self._waiting) > LIMIT_EVENTS or (self._bytes > LIMIT_BYTES and len(self._waiting) > 1):
            self._bytes -= len(self._waiting.popleft())
        self._news.set()

    async def send_forever(self) -> None:
        """Send what comes, until this is cancelled."""
        delay = 0.0
        while not self.is_over:
            await self._news.wait()
            await self._clock.sleep(GATHER_SECONDS)
            if await self._send_all():
                delay = 0.0
            else:
                delay = min(2 * delay or FIRST_DELAY, LONGEST_DELAY)
                await self._clock.sleep(delay)

    async def complete(self, attempts: int = 3) -> bool:
        """Send the rest, and that nothing follows; whether that worked."""
        for attempt in range(attempts):
            if attempt:
                await self._clock.sleep(FIRST_DELAY * 2**attempt)
            if self.is_over:
                return False
            if not await self._send_all():
                continue
            async with self._line:
                end = {"type": "_posthog/stream_complete", "final_seq": self._accepted or 0}
                if await self._post([msgspec.json.encode(end)]):
                    self.is_over = True
                    return True
        return False

    async def _send_all(self) -> bool:
        async with self._line:
            self._news.clear()
            if self._accepted is None and not await self._post([]):
                return self._unsent()
            while self._waiting and not self.is_over:
                batch = self._batch()
                before = self._accepted or 0
                lines = [b'{"seq":%d,"event":%s}' % (before + at, line) for at, line in enumerate(batch, start=1)]
                went = await self._post(lines)
                # An answer may be lost, or only a part be taken: what has a number does not go again.
                for line in batch[: max(0, min((self._accepted or 0) - before, len(batch)))]:
                    if self._waiting and self._waiting[0] is line:
                        self._waiting.popleft()
                        self._bytes -= len(line)
                        self._conflicts = 0
                if not went:
                    return self._unsent()
            return True

    def _unsent(self) -> bool:
        self._news.set()
        return False

    def _batch(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        for line in self._waiting:
            size += len(line) + 40
            if batch and (size > MAX_BYTES or len(batch) == MAX_EVENTS):
                break
            batch.append(line)
        return batch

    async def _post(self, lines: list[bytes]) -> bool:
        """Send lines; whether they were taken. What was taken last is known afterwards, if anybody answered."""
        try:
            reply = await self._http.post(
                self._url, content=b"".join(line + b"\n" for line in lines), headers=self._headers
            )
            said = msgspec.json.decode(reply.content, type=dict[str, Any])
        except (httpx2.HTTPError, msgspec.DecodeError) as error:
            log.warning("ingest.failed %s %s", type(error).__name__, error)
            return False
        last = said.get("last_accepted_seq")
        if isinstance(last, int) and last >= 0:
            self._accepted = last
        if reply.status_code < 300:
            return True
        log.warning("ingest.refused %d %s", reply.status_code, said.get("error"))
        if reply.status_code == 409:
            self._conflicts += 1
        if reply.status_code in {400, 403, 404, 405} or self._conflicts >= MAX_CONFLICTS:
            log.error("ingest.over %d %s: no more events are sent", reply.status_code, said.get("error"))
            self.is_over = True
            self._waiting.clear()
        return False


def _shortened(event: dict[str, Any]) -> dict[str, Any]:
    """An event that is too large to be sent, without what makes it so."""
    notification = event.get("notification")
    if not isinstance(notification, dict):
        return {"type": event.get("type", ""), "truncated": True}
    params = notification.get("params")
    kept: dict[str, Any] = {"truncated": True}
    if isinstance(params, dict):
        kept["sessionId"] = params.get("sessionId")
        update = params.get("update")
        if isinstance(update, dict):
            names = ("sessionUpdate", "toolCallId", "status")
            kept["update"] = {name: update[name] for name in names if name in update}
    return {**event, "notification": {**notification, "params": kept}}
