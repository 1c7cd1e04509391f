"""Which requests are under way, by class of run, and which classes are quick."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

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
        self.held_back = False
        """Whether work was seen for which there was no place."""
        self._busy: Counter[int] = Counter()
        self._count = 0
        self._seconds: dict[int, float] = {}
        self._served: dict[int, None] = {}

    @property
    def room(self) -> int:
        """How many places are free."""
        return max(0, self.slots - self._count)

    def load(self, caps: Mapping[int, int]) -> Load:
        """What is under way."""
        quick = frozenset(class_id for class_id, seconds in self._seconds.items() if seconds < QUICK)
        slow = frozenset(self._seconds.keys() - quick)
        return Load(slots=self.slots, busy=dict(self._busy), quick=quick, slow=slow, caps=caps)

    @property
    def served(self) -> tuple[int, ...]:
        """The quick classes that were served last: where more work is most likely to come."""
        return tuple(self._served)

    def take_off(self, class_id: int) -> None:
        """A place is taken."""
        self._busy[class_id] += 1
        self._count += 1

    def landed(self, class_id: int) -> None:
        """A place is free again."""
        self._count -= 1
        self._busy[class_id] -= 1
        if self._busy[class_id] <= 0:
            del self._busy[class_id]

    def timed(self, class_id: int, seconds: float) -> None:
        """A request of the class took so long."""
        if len(self._seconds) >= MOST:
            self._seconds.clear()
        before = self._seconds.get(class_id, seconds)
        self._seconds[class_id] = before + WEIGHT * (seconds - before)
        self._served.pop(class_id, None)
        if self._seconds[class_id] < QUICK:
            self._served[class_id] = None
            if len(self._served) > SERVED:
                del self._served[next(iter(self._served))]
