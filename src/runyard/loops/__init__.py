"""Server loops: thin passes over engine operations, bounded, idempotent, safe to run in several servers at once."""

from __future__ import annotations

from runyard.artifacts.port import Blobs
from runyard.loops import retention, timers
from runyard.loops.runner import Runner
from runyard.settings import Settings
from runyard.storage.port import Store
from runyard.streams.hub import Hub


def runner(store: Store, hub: Hub, blobs: Blobs, settings: Settings) -> Runner:
    """All loops of a server."""

    async def until_timer(seconds: float) -> None:
        await hub.wait(["timer"], seconds)

    return Runner([*timers.loops(store, until_timer), *retention.loops(store, blobs, settings)])
