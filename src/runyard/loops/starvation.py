"""Queued runs of tasks that nobody takes: looked after once a cycle, in each project by slices."""

from __future__ import annotations

from runyard.engine.tasks import starving
from runyard.engine.tasks.starving import Ladder
from runyard.loops.runner import Loop
from runyard.settings import Settings
from runyard.storage.port import Store

LONGEST_REST = 3.0
"""Looks come due one by one; with rests much shorter than a cycle each is noticed in time."""
SHORTEST_CYCLE = 1.0
SECOND = 1_000_000


def ladder_of(settings: Settings) -> Ladder | None:
    """What the settings say; None where nothing is looked after."""
    if settings.starvation_after <= 0:
        return None
    return Ladder(
        after=int(settings.starvation_after * SECOND),
        cycle=int(max(SHORTEST_CYCLE, settings.starvation_cycle) * SECOND),
        told=settings.starvation_told,
        parked=settings.starvation_parked,
    )


async def look_once(store: Store, ladder: Ladder) -> None:
    """Look after what is due in every project."""
    for project_id in await store.read(starving.projects, ladder):
        while await store.write(starving.look, project_id, ladder) == starving.SLICE:
            continue


async def forget_once(store: Store) -> None:
    """Forget what agents forced in minutes that are over."""
    await store.write(starving.forget)


def loops(store: Store, settings: Settings) -> list[Loop]:
    """The loops; what agents forced is forgotten though nothing is looked after."""
    forgetting = Loop(name="forcings", once=lambda: forget_once(store), pause=60.0)
    ladder = ladder_of(settings)
    if ladder is None:
        return [forgetting]
    pause = min(LONGEST_REST, ladder.cycle / SECOND / 2)
    return [Loop(name="starvation", once=lambda: look_once(store, ladder), pause=pause), forgetting]
