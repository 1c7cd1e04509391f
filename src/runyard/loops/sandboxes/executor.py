"""Claims coding runs as long as this server may open sandboxes, keeps their leases, and watches what they use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from runyard.domain.coding import EXECUTOR, INSIDE
from runyard.engine import claims
from runyard.engine.claims import ClaimRequest
from runyard.loops.runner import Loop
from runyard.loops.sandboxes.ground import Ground, Held
from runyard.loops.sandboxes.life import live
from runyard.loops.watching import Keeper
from runyard.sandbox.limits import MIB, Limits

LEASE_SECONDS = 30.0
"""Ends this long after a server was killed; then its runs go to another, or back to this one."""
REST_SECONDS = 5.0


class Executor:
    """All sandboxes of one server."""

    def __init__(self, ground: Ground, *, worker: str, lease: float = LEASE_SECONDS) -> None:
        self.ground = ground
        self.worker = worker
        self.keeper: Keeper[Held] = Keeper(ground.store, "sandboxes", lease=lease)

    def loops(self, wait: Callable[[float], Awaitable[object]]) -> list[Loop]:
        """The loops; `wait` ends early when a coding run becomes ready."""
        return [
            Loop(name="sandboxes", once=self.claim_once, pause=REST_SECONDS, wait=wait),
            Loop(name="sandboxes-watch", once=self.watch_once, pause=REST_SECONDS, wait=self.keeper.rest),
        ]

    async def claim_once(self) -> float | None:
        """Take as many runs as there may be sandboxes yet."""
        room = self.ground.settings.sandbox_concurrency - len(self.keeper.held)
        if self.keeper.closed or self.ground.address() is None:
            return None
        if room <= 0:
            # Looked at again soon, because room comes without a commit.
            return 0.2
        request = ClaimRequest(
            project_id=None,
            executor=EXECUTOR,
            queues=(INSIDE,),
            limit=room,
            lease=self.keeper.lease,
            worker=self.worker,
        )
        (granted,) = await self.ground.store.write(claims.claim, [request])
        for one in granted:
            self.keeper.take(Held(one), partial(live, self.ground))
        return 0.01 if granted else None

    async def watch_once(self) -> float | None:
        """Keep the leases, and look at what the sandboxes use."""
        settings = self.ground.settings
        limits = Limits(memory=settings.sandbox_memory_mb * MIB, processes=settings.sandbox_processes)
        return await self.keeper.watch_once(lambda held: limits)

    async def stop(self) -> None:
        """Take no more; ask every sandbox to end, make it when it does not, and give its run back."""
        await self.keeper.stop(grace=self.ground.patience.grace)
