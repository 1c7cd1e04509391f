"""Who may use the places for requests: no endpoint's queue, and no number of slow endpoints, takes them all."""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from runyard.engine.dispatches import Heads

SLOW_SHARE = 0.75
"""What slow classes may take of all places together; the rest is for those known to be quick, and for first tries."""
QUICK = 1.0
"""A class whose requests take less than this many seconds on average is quick."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is under way."""

    slots: int
    busy: Mapping[int, int]
    """Requests under way by class."""
    quick: Set[int] = frozenset()
    """Classes known to be quick; one never tried is not."""
    caps: Mapping[int, int] = {}
    """How many of a class may be under way, where its endpoint's health says so."""

    @property
    def room(self) -> int:
        """How many places are free."""
        return max(0, self.slots - sum(self.busy.values()))


def pick(heads: Heads, load: Load, most: int) -> list[str]:
    """The runs to claim now: each class up to an even share first, what is left by rank alone."""
    active = heads.keys() | load.busy.keys()
    even = max(1, load.slots // max(1, len(active)))
    within: list[tuple[int, str, int, bool]] = []
    beyond: list[tuple[int, str, int, bool]] = []
    for class_id, runs in heads.items():
        held = load.busy.get(class_id, 0)
        for place, (rank, run_id) in enumerate(runs, start=held):
            if place >= load.caps.get(class_id, load.slots):
                break
            (within if place < even else beyond).append((rank, run_id, class_id, place == 0))
    slow_room = int(load.slots * SLOW_SHARE) - sum(
        count for class_id, count in load.busy.items() if class_id not in load.quick
    )
    left = min(most, load.room)
    picked: list[str] = []
    for _, run_id, class_id, is_first in [*sorted(within), *sorted(beyond)]:
        if len(picked) >= left:
            break
        if class_id not in load.quick:
            if slow_room <= 0 and not is_first:
                continue
            slow_room -= 1
        picked.append(run_id)
    return picked
