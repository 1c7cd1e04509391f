"""Claims managed runs as long as there is room on this machine, keeps their leases, and watches what they use."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import psutil

from runyard.domain.presets import DEFAULT
from runyard.engine import claims
from runyard.engine.claims import ClaimRequest
from runyard.loops.managed.held import Held
from runyard.loops.managed.life import Ground, live
from runyard.loops.runner import Loop
from runyard.loops.watching import Keeper
from runyard.sandbox.limits import MIB, limits_of

KIND = "managed"
LEASE_SECONDS = 30.0
"""Ends this long after a server was killed; then its runs go to another, or back to this one."""
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
        self.keeper: Keeper[Held] = Keeper(ground.store, "managed", lease=lease)
        self._promised = 0
        self._queue = 0
        self._freed = asyncio.Event()

    def loops(self, wait: Callable[[float], Awaitable[object]]) -> list[Loop]:
        """The loops; `wait` ends early when a managed run becomes ready."""
        return [
            Loop(name="managed", once=self.claim_once, pause=REST_SECONDS, wait=wait),
            Loop(name="managed-watch", once=self.watch_once, pause=REST_SECONDS, wait=self.keeper.rest),
        ]

    async def claim_once(self) -> float | None:
        """Take one run if there is room for the smallest; straight on when there was one."""
        if self.keeper.closed or self.ground.address() is None:
            return None
        if self._queue or self.memory - self._promised < min(DEFAULT.memory_mb, self.memory):
            # Whoever waits for room is next; looked at again soon, because room comes without a commit.
            return 0.2
        request = ClaimRequest(project_id=None, executor=KIND, lease=self.keeper.lease, worker=self.worker)
        (granted,) = await self.ground.store.write(claims.claim, [request])
        for one in granted:
            self._queue += 1
            self.keeper.take(Held(one), self._live)
        # One at a time, so that its size is known before the next is taken.
        return 0.01 if granted else None

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
        finally:
            if waiting:
                self._queue -= 1

    async def watch_once(self) -> float | None:
        """Keep the leases, and look at what the programs use."""
        return await self.keeper.watch_once(lambda held: limits_of(held.preset) if held.preset is not None else None)

    async def stop(self) -> None:
        """Take no more; ask every program to end, make it when it does not, and give its run back."""
        await self.keeper.stop(grace=self.ground.grace)
