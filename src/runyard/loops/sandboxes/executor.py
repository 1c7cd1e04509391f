"""Claims coding runs as long as this server may open sandboxes, keeps their leases, and watches what they use."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import structlog

from runyard.domain.coding import EXECUTOR, INSIDE
from runyard.engine import claims
from runyard.engine.claims import ClaimRequest
from runyard.loops import watching
from runyard.loops.runner import Loop
from runyard.loops.sandboxes.ground import Ground, Held
from runyard.loops.sandboxes.life import live
from runyard.sandbox.limits import MIB, Limits

log = structlog.get_logger("runyard.sandboxes")

LEASE_SECONDS = 30.0
"""Ends this long after a server was killed; then its runs go to another, or back to this one."""
BEAT_SECONDS = 10.0
WATCH_SECONDS = 0.5
REST_SECONDS = 5.0


class Executor:
    """All sandboxes of one server."""

    def __init__(self, ground: Ground, *, worker: str, lease: float = LEASE_SECONDS) -> None:
        self.ground = ground
        self.worker = worker
        self._lease = int(lease * 1_000_000)
        self._beat = min(BEAT_SECONDS, lease / 3)
        self._beat_due = 0.0
        self._held: dict[tuple[str, int], Held] = {}
        self._lives: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._busy = asyncio.Event()
        self._closed = False

    def loops(self, wait: Callable[[float], Awaitable[object]]) -> list[Loop]:
        """The loops; `wait` ends early when a coding run becomes ready."""
        return [
            Loop(name="sandboxes", once=self.claim_once, pause=REST_SECONDS, wait=wait),
            Loop(name="sandboxes-watch", once=self.watch_once, pause=REST_SECONDS, wait=self._rest),
        ]

    async def claim_once(self) -> float | None:
        """Take as many runs as there may be sandboxes yet."""
        room = self.ground.settings.sandbox_concurrency - len(self._held)
        if self._closed or self.ground.address() is None:
            return None
        if room <= 0:
            # Looked at again soon, because room comes without a commit.
            return 0.2
        request = ClaimRequest(
            project_id=None,
            executor=EXECUTOR,
            queues=(INSIDE,),
            limit=room,
            lease=self._lease,
            worker=self.worker,
        )
        (granted,) = await self.ground.store.write(claims.claim, [request])
        for one in granted:
            self._take(Held(one))
        return 0.01 if granted else None

    def _take(self, held: Held) -> None:
        for other in self._held.values():
            if other.run.id == held.run.id and other.running is not None:
                # The run came back before its last sandbox was gone, which must not go on beside the next.
                other.running.kill()
        self._held[held.key] = held
        self._busy.set()
        self._lives[held.key] = asyncio.create_task(self._live(held), name=f"sandbox-{held.run.id}")

    async def _live(self, held: Held) -> None:
        try:
            await live(self.ground, held)
        except Exception:
            log.exception("sandbox.failed", run=held.run.id)
        finally:
            del self._held[held.key], self._lives[held.key]

    async def watch_once(self) -> float | None:
        """Keep the leases, and look at what the sandboxes use."""
        if not self._held:
            self._busy.clear()
            return None
        if time.monotonic() >= self._beat_due:
            self._beat_due = time.monotonic() + self._beat
            await self._keep()
        await self._look()
        return WATCH_SECONDS

    async def _rest(self, seconds: float) -> None:
        if self._held:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._busy.wait(), seconds)

    async def _keep(self) -> None:
        kept = [held for held in self._held.values() if held.stop in {None, "server"}]
        for held, error in await watching.keep(self.ground.store, kept, lease=self._lease):
            log.info("sandbox.lost", run=held.run.id, detail=error.detail)

    async def _look(self) -> None:
        settings = self.ground.settings
        limits = Limits(memory=settings.sandbox_memory_mb * MIB, processes=settings.sandbox_processes)
        started = [(held, limits) for held in self._held.values() if held.running is not None]
        await watching.look(self.ground.store, started)

    async def stop(self) -> None:
        """Take no more; ask every sandbox to end, make it when it does not, and give its run back."""
        self._closed = True
        for held in self._held.values():
            held.let_go("server")
        lives = list(self._lives.values())
        if lives:
            _, slow = await asyncio.wait(lives, timeout=self.ground.patience.grace + 5)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
