"""Server loops: thin passes over engine operations, bounded, idempotent, safe to run in several servers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from runyard.artifacts.port import Blobs
from runyard.loops import (
    bulks,
    caps,
    dependencies,
    managed,
    purges,
    retention,
    reviews,
    sandboxes,
    schedules,
    sessions,
    starvation,
    timers,
    triggers,
)
from runyard.loops.gathering import Gathered
from runyard.loops.runner import Runner
from runyard.loops.senders import Senders
from runyard.settings import Settings
from runyard.storage.port import Store
from runyard.streams.hub import Hub

Rest = Callable[[float], Awaitable[object]]


def rests(hub: Hub) -> Callable[[str], Rest]:
    """Makes rests that end early when their topic is touched."""

    def until(topic: str) -> Rest:
        waiter = hub.waiter([topic])
        # For good, so that a wake-up that comes during a pass shortens the rest after it.
        hub.add(waiter)

        async def rest(seconds: float) -> None:
            # A closed hub lets nobody wait; the last passes before the end must not become a busy loop.
            if hub.closed:
                await asyncio.sleep(seconds)
            else:
                await waiter.wait(seconds)

        return rest

    return until


def runner(
    store: Store,
    hub: Hub,
    blobs: Blobs,
    settings: Settings,
    *,
    programs: managed.Executor | None = None,
    launcher: sandboxes.Executor | None = None,
    senders: Senders | None = None,
) -> Runner:
    """All loops of a server."""

    until = rests(hub)
    together = Gathered(store)
    return Runner(
        [
            *timers.loops(together, until("timer")),
            bulks.loop(store, until("bulk")),
            caps.loop(store, until("caps")),
            dependencies.loop(store, until("dependencies")),
            *schedules.loops(together, until("zones")),
            *triggers.loops(together),
            sessions.loop(together, until("sessions")),
            purges.loop(store, blobs, until("purges")),
            *retention.loops(store, blobs, settings),
            reviews.loop(store, until),
            *starvation.loops(store, settings),
            *(programs.loops(until("executor:managed")) if programs is not None else ()),
            *(launcher.loops(until("executor:sandbox")) if launcher is not None else ()),
            *(senders.loops(until) if senders is not None else ()),
        ]
    )
