"""Who may use the places for requests: no endpoint's queue, and no number of slow endpoints, takes them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import msgspec

from runyard.engine.dispatches import Heads

SLOW_SHARE = 0.75
"""What slow classes may take of all places together; the rest is for those known to be quick, and for first tries."""
TRIAL_SHARE = 0.5
"""What classes never tried may take beyond one request each: the places it leaves are for the first tries of others."""
QUICK = 1.0
"""A class whose requests take less than this many seconds on average is quick, any other that was tried slow."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is under way."""

    slots: int
    busy: Mapping[int, int]
    """Requests under way by class."""
    quick: Set[int] = frozenset()
    """Classes known to be quick."""
    slow: Set[int] = frozenset()
    """Classes known to be slow; one that is neither was never tried."""
    caps: Mapping[int, int] = {}
    """How many of a class may be under way, where its endpoint's health says so."""

    @property
    def room(self) -> int:
        """How many places are free."""
        return max(0, self.slots - sum(self.busy.values()))

    @property
    def slow_room(self) -> int:
        """How many places are free for classes that are not quick."""
        slow = sum(count for class_id, count in self.busy.items() if class_id not in self.quick)
        return max(0, int(self.slots * SLOW_SHARE) - slow)

    @property
    def trial_room(self) -> int:
        """How many places are free for classes never tried that have a request under way."""
        tried = self.quick | self.slow
        more = sum(count - 1 for class_id, count in self.busy.items() if class_id not in tried)
        return max(0, int(self.slots * TRIAL_SHARE) - more)


def allot(class_ids: Sequence[int], load: Load, most: int) -> dict[int, int]:
    """How many runs of each class are worth looking at, twice as many in all as could be claimed."""
    room = min(most, load.room)
    quick = [class_id for class_id in class_ids if class_id in load.quick]
    slow = [class_id for class_id in class_ids if class_id in load.slow]
    untried = [class_id for class_id in class_ids if class_id not in load.quick and class_id not in load.slow]
    slow_room = min(room, load.slow_room)
    found: dict[int, int] = {}
    for some, places in ((quick, room), (slow, slow_room), (untried, min(slow_room, load.trial_room))):
        for class_id in some:
            number = places if len(some) == 1 else -(-2 * places // len(some))
            if class_id not in load.busy and some is untried:
                number = max(1, number)
            number = min(number, room, load.caps.get(class_id, load.slots) - load.busy.get(class_id, 0))
            if number > 0:
                found[class_id] = number
    return found


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
    slow_room, trial_room = load.slow_room, load.trial_room
    left = min(most, load.room)
    picked: list[str] = []
    # First tries go before the rest: a class that is never tried is never known to be quick.
    tries = sorted(one for one in within if one[3] and one[2] not in load.quick)
    rest = sorted(one for one in within if not one[3] or one[2] in load.quick)
    for _, run_id, class_id, is_first in [*tries, *rest, *sorted(beyond)]:
        if len(picked) >= left:
            break
        if class_id not in load.quick:
            is_tried = class_id in load.slow
            if slow_room <= 0 and (is_tried or not is_first):
                continue
            if not is_tried and not is_first:
                if trial_room <= 0:
                    continue
                trial_room -= 1
            slow_room -= 1
        picked.append(run_id)
    return picked
