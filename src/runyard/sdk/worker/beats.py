"""Heartbeats: every lease is renewed at a third of its length, many in one call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from runyard.sdk.call import Call, encode
from runyard.sdk.calls import leases
from runyard.sdk.errors import RunyardError
from runyard.sdk.models import HeartbeatReport
from runyard.sdk.worker.held import Held, Verdict, Verdicts

log = logging.getLogger("runyard.worker")

MOST_REPORTS = 1000


class Beats:
    """The timer that is set to the earliest heartbeat due."""

    def __init__(
        self,
        send: Callable[[Call[Verdicts]], Awaitable[Verdicts]],
        *,
        lease_seconds: float | None,
        everything: Callable[[], Iterable[Held]],
        lost: Callable[[Held, str], None],
        spawn: Callable[[Any], object],
    ) -> None:
        self._send = send
        self._lease_seconds = lease_seconds
        self._everything = everything
        self._lost = lost
        self._spawn = spawn
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, at: float) -> None:
        """See to it that the timer goes off by then (in the loop's time)."""
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._fire)

    def stop(self) -> None:
        """Let the leases run out."""
        if self._timer is not None:
            self._timer.cancel()

    def _fire(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        held = [one for one in self._everything() if not one.lost]
        # Those that would be due a little later come along.
        due = [one for one in held if one.beat_at <= now + one.lease_seconds / 12]
        for one in due:
            one.beat_at = now + one.lease_seconds / 3
        for first in range(0, len(due), MOST_REPORTS):
            self._spawn(self._beat(due[first : first + MOST_REPORTS]))
        if held:
            self.expect(min(one.beat_at for one in held))

    async def _beat(self, due: list[Held]) -> None:
        reports = [
            encode(HeartbeatReport(run_id=one.run_id, token=one.token, lease_seconds=self._lease_seconds))
            for one in due
        ]
        shortest = min(one.lease_seconds for one in due)
        call: Call[Verdicts] = leases.encoded("heartbeat", reports, Verdicts, timeout=min(10.0, max(1.0, shortest / 3)))
        try:
            verdicts = (await self._send(call)).results
        except RunyardError as error:
            # The runs go on: whether their leases are lost is for the server to say once it answers again.
            log.warning("worker.heartbeat_failed runs=%d error=%s", len(due), error)
            soon = asyncio.get_running_loop().time() + min(2.0, shortest / 10)
            for one in due:
                one.beat_at = soon
            self.expect(soon)
            return
        for one, verdict in zip(due, verdicts, strict=True):
            if not verdict.ok and not one.finished:
                self._lost(one, _why(verdict))


def _why(verdict: Verdict) -> str:
    return "lease_lost" if verdict.error is None else verdict.error.state or verdict.error.code
