"""Pausing a project's scheduler and waiting until nobody has a run any more (AGH contract §21)."""

from __future__ import annotations

import asyncio

import msgspec

from runyard.domain.actors import Doer
from runyard.engine.tasks import scheduling
from runyard.engine.tasks.scheduling import Standing
from runyard.storage.port import Store
from runyard.streams.hub import Hub

PAUSE = 0.5
"""Seconds between two looks: runs that end quickly one after another are not looked at one by one."""
REASON = "scheduler drain"


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a drain; the scheduler stays paused."""

    standing: Standing
    began_at: int

    @property
    def completed(self) -> bool:
        """Whether nobody has a run any more."""
        return self.standing.active == 0


async def drain(store: Store, hub: Hub, project_id: int, by: Doer, *, reason: str | None, seconds: float) -> Drained:
    """Pause, and look twice a second whether everything under way has ended, for so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    began = await store.write(scheduling.pause, project_id, by, reason or REASON, event="scheduler.drain_started")
    left = began.active
    while left and loop.time() < deadline and not hub.closed:
        await asyncio.sleep(min(PAUSE, max(deadline - loop.time(), 0)))
        left = await store.read(scheduling.remaining, project_id)
    return Drained(standing=await store.write(scheduling.drained, project_id, by), began_at=began.as_of)
