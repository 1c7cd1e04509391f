"""Claims for what there are places: at once for the quick classes served last, at a pace for all others.

The two go on side by side, so that no run of a quick endpoint waits for a look at many slow ones. Nothing is claimed
that has no place: what waits stays in the queue, where every server sees it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence, Set

from runyard.domain.policy import SECOND
from runyard.engine import claims, dispatches
from runyard.engine.dispatches import Boarded, Heads, Ready
from runyard.loops.dispatch.fares import Fares
from runyard.loops.dispatch.packing import Packer
from runyard.loops.dispatch.shares import Load, allot, pick
from runyard.loops.dispatch.traffic import Traffic
from runyard.storage.port import Store

EXECUTOR = "http"
WORK = f"executor:{EXECUTOR}"
"""Woken when work becomes ready, or a place free that such work waits for."""
OTHERS = "dispatch:others"
"""The same for classes other than those served last."""
BATCH = 128
"""So many runs are claimed at once at most."""
FEW = 32
"""So many of the others: what is claimed of quick classes meanwhile waits for no longer commit than that."""
CLAIM_LEASE = 30 * SECOND
"""Until a run's request is on its way; shorter than any grace, so that a run that never started goes back as it was."""
LEASE = 90 * SECOND
"""While its request is under way; longer than the usual grace, which decides when nobody beats any more."""
REST = 24
"""A look at the others is followed by a rest of so many times as long."""
LONGEST_REST = 0.25

Depart = Callable[[Boarded], object]


class Claims:
    """One dispatcher's; what was claimed goes to `depart`, which counts its places from then on."""

    def __init__(
        self,
        store: Store,
        packer: Packer,
        traffic: Traffic,
        fares: Fares,
        *,
        wake: Callable[[str], object],
        depart: Depart,
    ) -> None:
        self.store = store
        self.packer = packer
        self.traffic = traffic
        self.fares = fares
        self.is_draining = False
        self.rests_until = 0.0
        """When the others are looked at again (monotonic clock)."""
        self._wake = wake
        self._depart = depart
        self._after = 0
        self._left = False
        """Whether a pass of this round over the others left something for the next."""
        self._held: set[str] = set()
        """Whose work was seen for which there was no place: `WORK`'s, `OTHERS`'."""
        self._locks = (asyncio.Lock(), asyncio.Lock())
        """Held while runs are being claimed that nobody counts yet."""

    async def served_once(self) -> float | None:
        """Claim of the classes served last; straight on while there may be more."""
        self._wake(OTHERS)
        served = self.traffic.served
        if not served:
            return None
        if self.traffic.room == 0:
            self._held.add(WORK)
            return None
        async with self._locks[0]:
            ready, left_out = await self._look(BATCH, among=served)
            return 0.0 if await self._claim(ready.heads, BATCH, WORK, left_out=left_out) else None

    async def others_once(self) -> float | None:
        """Claim of the others, some classes a pass; straight on until all were looked at, and while there is much."""
        await asyncio.sleep(max(0.0, self.rests_until - time.monotonic()))
        if self.traffic.room == 0:
            self._held.add(OTHERS)
            return None
        async with self._locks[1]:
            began = time.monotonic()
            ready, left_out = await self._look(FEW, but=frozenset(self.traffic.served), after=self._after)
            ended = time.monotonic()
            self._after = ready.more_after or 0
            count = await self._claim(ready.heads, FEW, OTHERS, left_out=left_out)
        self._left = self._left or count == FEW
        if self._after:
            return 0.0
        if self._left:
            self._left = False
            return 0.0
        self.rests_until = ended + min((ended - began) * REST, LONGEST_REST)
        return None

    def landed(self) -> None:
        """A place is free: have those look again who saw work that had none."""
        for topic in self._held:
            self._wake(topic)

    async def end(self) -> None:
        """Claim nothing more; returns when what is being claimed has been handed over."""
        self.is_draining = True
        for lock in self._locks:
            async with lock:
                pass

    async def _look(
        self, most: int, *, but: Set[int] = frozenset(), among: Sequence[int] | None = None, after: int = 0
    ) -> tuple[Ready, bool]:
        """Work that is ready, and whether there are classes that may have nothing more now."""
        load, left_out = self._load(), False

        def worth(class_ids: Sequence[int]) -> Mapping[int, int]:
            nonlocal left_out
            wanted = [class_id for class_id in class_ids if class_id not in but]
            found = allot(wanted, load, most)
            left_out = len(found) < len(wanted)
            return found

        return await self.store.read(dispatches.ready, EXECUTOR, worth, after=after, among=among), left_out

    async def _claim(self, heads: Heads, most: int, topic: str, *, left_out: bool) -> int:
        """Claim of these what there are places for now; for how many there were."""
        chosen = pick(heads, self._load(), most)
        held = left_out or len(chosen) < sum(map(len, heads.values()))
        (self._held.add if held else self._held.discard)(topic)
        if not chosen or self.is_draining:
            return 0
        class_of = {run_id: class_id for class_id, runs in heads.items() for _, run_id in runs}
        classes = [class_of[run_id] for run_id in chosen]
        request = claims.ClaimRequest(
            project_id=None,
            executor=EXECUTOR,
            runs=tuple(chosen),
            limit=len(chosen),
            lease=CLAIM_LEASE,
            worker="dispatch",
            actor="dispatch",
        )
        # The places are taken before they are used, as the other claims may be under way.
        self.traffic.take_off(classes)
        try:
            # Where it is known that the endpoint may be tried, runs begin with the claim.
            begin = await self._clear(set(classes))
            boarded = await self.store.write(dispatches.board, request, self.packer.known, begin=begin, lease=LEASE)
        finally:
            self.traffic.landed(classes)
        self._depart(boarded)
        if len(boarded.granted) < len(chosen):
            self.landed()  # somebody else has the rest, and their places are free
        return len(chosen)

    async def _clear(self, classes: set[int]) -> frozenset[int]:
        """Those of the classes whose endpoint may be tried now, as far as it is known which one that is."""
        places = self.fares.stale(self.fares.served(classes))
        if places:
            self.fares.learn(await self.store.read(dispatches.fare, places), asked=places)
        return self.fares.clear(classes, self.store.now())

    def _load(self) -> Load:
        return self.traffic.load(self.fares.caps())
