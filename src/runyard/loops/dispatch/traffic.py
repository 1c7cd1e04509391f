"""Which requests are under way, by class of run, and which classes are quick."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from runyard.loops.dispatch.shares import QUICK, Load

WEIGHT = 0.2
SERVED = 32
"""So many quick classes are looked at for themselves, those that were served last."""
MOST = 10_000
"""So many classes are remembered; then all are forgotten and found out anew."""


class Traffic:
    """The places of one dispatcher."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._busy: Counter[int] = Counter()
        self._count = 0
        self._seconds: dict[int, float] = {}
        self._quick: set[int] = set()
        self._slow: set[int] = set()
        self._served: dict[int, None] = {}

    @property
    def room(self) -> int:
        """How many places are free."""
        return max(0, self.slots - self._count)

    def load(self, caps: Mapping[int, int]) -> Load:
        """What is under way."""
        return Load(
            slots=self.slots,
            busy=dict(self._busy),
            quick=frozenset(self._quick),
            slow=frozenset(self._slow),
            caps=caps,
        )

    @property
    def served(self) -> tuple[int, ...]:
        """The quick classes that were served last: where more work is most likely to come."""
        return tuple(self._served)

    def take_off(self, class_ids: Sequence[int]) -> None:
        """For each of these a place is taken."""
        self._busy.update(class_ids)
        self._count += len(class_ids)

    def landed(self, class_ids: Sequence[int]) -> None:
        """For each of these a place is free again."""
        self._count -= len(class_ids)
        for class_id in class_ids:
            self._busy[class_id] -= 1
            if self._busy[class_id] <= 0:
                del self._busy[class_id]

    def timed(self, class_id: int, seconds: float) -> None:
        """A request of the class took so long."""
        if len(self._seconds) >= MOST:
            for known in (self._seconds, self._quick, self._slow):
                known.clear()
        before = self._seconds.get(class_id, seconds)
        average = self._seconds[class_id] = before + WEIGHT * (seconds - before)
        self._served.pop(class_id, None)
        if average >= QUICK:
            self._slow.add(class_id)
            self._quick.discard(class_id)
            return
        self._quick.add(class_id)
        self._slow.discard(class_id)
        self._served[class_id] = None
        if len(self._served) > SERVED:
            del self._served[next(iter(self._served))]
