"""Claims managed runs as long as there is room on this machine, keeps their leases, and watches what they use."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import psutil
import structlog

from runyard.domain.presets import DEFAULT
from runyard.engine import claims
from runyard.engine.claims import ClaimRequest
from runyard.loops import watching
from runyard.loops.managed.held import Held
from runyard.loops.managed.life import Ground, live
from runyard.loops.runner import Loop
from runyard.sandbox.limits import MIB, limits_of

log = structlog.get_logger("runyard.managed")

KIND = "managed"
LEASE_SECONDS = 30.0
"""Ends this long after a server was killed; then its runs go to another, or back to this one."""
BEAT_SECONDS = 10.0
WATCH_SECONDS = 0.5
REST_SECONDS = 5.0
SHARE = 0.8
"""Of the machine's memory, what managed runs may be promised unless a setting says how much."""


class Executor:
    """All managed runs of one server."""

    def __init__(self, ground: Ground, *, worker: str, lease: float = LEASE_SECONDS) -> None:
        self.ground = ground
        self.worker = worker
        self.memory = ground.settings.managed_memory_mb or int(psutil.virtual_memory().total / MIB * SHARE)
        """MiB that may be promised."""
        self._lease = int(lease * 1_000_000)
        self._beat = min(BEAT_SECONDS, lease / 3)
        self._beat_due = 0.0
        self._held: dict[tuple[str, int], Held] = {}
        self._lives: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._promised = 0
        self._queue = 0
        self._freed = asyncio.Event()
        self._busy = asyncio.Event()
        self._closed = False

    def loops(self, wait: Callable[[float], Awaitable[object]]) -> list[Loop]:
        """The loops; `wait` ends early when a managed run becomes ready."""
        return [
            Loop(name="managed", once=self.claim_once, pause=REST_SECONDS, wait=wait),
            Loop(name="managed-watch", once=self.watch_once, pause=REST_SECONDS, wait=self._rest),
        ]

    async def claim_once(self) -> float | None:
        """Take one run if there is room for the smallest; straight on when there was one."""
        if self._closed or self.ground.address() is None:
            return None
        if self._queue or self.memory - self._promised < min(DEFAULT.memory_mb, self.memory):
            # Whoever waits for room is next; looked at again soon, because room comes without a commit.
            return 0.2
        request = ClaimRequest(project_id=None, executor=KIND, lease=self._lease, worker=self.worker)
        (granted,) = await self.ground.store.write(claims.claim, [request])
        for one in granted:
            self._take(Held(one))
        # One at a time, so that its size is known before the next is taken.
        return 0.01 if granted else None

    def _take(self, held: Held) -> None:
        for other in self._held.values():
            if other.run.id == held.run.id and other.running is not None:
                # The run came back before its last program was gone, which must not go on beside the next.
                other.running.kill()
        self._held[held.key] = held
        self._queue += 1
        self._busy.set()
        task = asyncio.create_task(self._live(held), name=f"managed-{held.run.id}")
        self._lives[held.key] = task

    async def _live(self, held: Held) -> None:
        waiting = True

        @contextlib.asynccontextmanager
        async def room(held: Held) -> AsyncIterator[None]:
            nonlocal waiting
            need = min(held.preset.memory_mb if held.preset is not None else DEFAULT.memory_mb, self.memory)
            while self._promised + need > self.memory and held.stop is None:
                self._freed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._freed.wait(), 1.0)
            self._promised += need
            self._queue, waiting = self._queue - 1, False
            try:
                yield
            finally:
                self._promised -= need
                self._freed.set()

        try:
            await live(self.ground, held, room)
        except Exception:
            log.exception("managed.failed", run=held.run.id)
        finally:
            if waiting:
                self._queue -= 1
            del self._held[held.key], self._lives[held.key]

    async def watch_once(self) -> float | None:
        """Keep the leases, and look at what the programs use."""
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
            log.info("managed.lost", run=held.run.id, detail=error.detail)

    async def _look(self) -> None:
        started = [
            (held, limits_of(held.preset))
            for held in self._held.values()
            if held.running is not None and held.preset is not None
        ]
        await watching.look(self.ground.store, started)

    async def stop(self) -> None:
        """Take no more; ask every program to end, make it when it does not, and give its run back."""
        self._closed = True
        for held in self._held.values():
            held.let_go("server")
        lives = list(self._lives.values())
        if lives:
            _, slow = await asyncio.wait(lives, timeout=self.ground.grace + 5)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
