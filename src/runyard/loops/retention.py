"""Retention: archives and deletes what ended long ago, and sweeps what nobody refers to."""

from __future__ import annotations

import asyncio
import itertools

from runyard.artifacts.port import Blobs
from runyard.engine import chunks, projects, retention, session_retention
from runyard.engine.coding import uploads
from runyard.engine.session_retention import START
from runyard.engine.tasks import retiring
from runyard.loops.runner import Loop
from runyard.settings import Settings
from runyard.storage.port import Store

PAUSE = 60.0
STEP = 5.0
"""How long to rest after a look at sessions that all stay."""
EVENT_DAYS = 90
"""How long is kept what goes by its own age: the journal of other things than runs, and what sessions did and said."""
_DAY = 24 * 60 * 60 * 1_000_000


async def retire_once(store: Store, blobs: Blobs, settings: Settings) -> float | None:
    """One pass; straight on when there was something to do."""
    before = retention.cutoffs(settings, store.now())
    done = await asyncio.to_thread(retention.retire_once, store, blobs, before, archive=settings.archive)
    return 0.05 if done.claimed else None


async def retire_tasks_once(store: Store, blobs: Blobs, settings: Settings) -> float | None:
    """One pass over tasks; straight on when there was something to do."""
    before = retention.cutoffs(settings, store.now())
    gone = await asyncio.to_thread(retiring.retire_once, store, blobs, before, archive=settings.archive)
    return 0.05 if gone else None


class Round:
    """One server's round through the stopped sessions, which may be many that something names."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self._place = START

    async def step_once(self) -> float | None:
        """One step; straight on when there was something to do."""
        before = retention.cutoffs(self.settings, self.store.now())
        done = await asyncio.to_thread(session_retention.retire_once, self.store, before, self._place)
        self._place = done.place or START
        if done.place is None:
            return None
        return 0.05 if done.deleted else STEP


async def prune_once(store: Store) -> float | None:
    """Delete old rows that belong to no run."""
    before = store.now() - EVENT_DAYS * _DAY
    gone = await store.write(retention.prune, events_before=before)
    gone += await store.write(session_retention.prune, before)
    return 0.05 if gone else None


async def forget_once(store: Store) -> float | None:
    """Delete the pieces of output that nobody follows any more."""
    gone = await store.write(chunks.prune)
    return 0.05 if gone else None


async def expire_once(store: Store) -> float | None:
    """Forget uploads that were announced and not attached in time."""
    gone = await store.write(uploads.prune)
    return 0.05 if gone else None


async def sweep_once(store: Store, blobs: Blobs, shard: int) -> None:
    """Sweep one part of every project's bytes."""
    before = None
    while found := await store.read(projects.numbers, before=before, limit=100):
        for number in found:
            await asyncio.to_thread(retention.sweep_once, store, blobs, number, shard)
        before = found[-1]


def loops(store: Store, blobs: Blobs, settings: Settings) -> list[Loop]:
    """The loops that keep the database and the artifacts from only growing."""
    shards = itertools.cycle(range(256))
    return [
        Loop(name="retention", once=lambda: retire_once(store, blobs, settings), pause=PAUSE),
        Loop(name="task retention", once=lambda: retire_tasks_once(store, blobs, settings), pause=PAUSE),
        Loop(name="session retention", once=Round(store, settings).step_once, pause=PAUSE),
        Loop(name="prune", once=lambda: prune_once(store), pause=10 * PAUSE),
        Loop(name="chunks", once=lambda: forget_once(store), pause=PAUSE),
        Loop(name="uploads", once=lambda: expire_once(store), pause=PAUSE),
        Loop(name="sweep", once=lambda: sweep_once(store, blobs, next(shards)), pause=10 * PAUSE),
    ]
