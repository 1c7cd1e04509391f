"""Who gets the places for requests."""

from __future__ import annotations

from collections import Counter

from runyard.loops.dispatch.shares import Load, allot, pick


def heads(**counts: int) -> dict[int, list[tuple[int, str]]]:
    """So many runs of each class (`c1=3`), those of the first class first in rank."""
    return {
        int(name[1:]): [(int(name[1:]) * 1000 + number, f"{name[1:]}-{number}") for number in range(count)]
        for name, count in counts.items()
    }


def taken(picked: list[str]) -> Counter[int]:
    return Counter(int(run.split("-")[0]) for run in picked)


def test_a_lone_class_that_is_quick_may_have_every_place():
    load = Load(slots=10, busy={}, quick={1})
    assert allot([1], load, 100) == {1: 10}
    assert len(pick(heads(c1=50), load, 100)) == 10


def test_classes_share_evenly_before_rank_decides():
    load = Load(slots=10, busy={}, quick={1, 2})
    assert taken(pick(heads(c1=50, c2=50), load, 100)) == {1: 5, 2: 5}
    assert taken(pick(heads(c1=50, c2=2), load, 100)) == {1: 8, 2: 2}


def test_within_their_shares_runs_are_taken_by_rank():
    load = Load(slots=100, busy={}, quick={1, 2})
    assert pick(heads(c1=2, c2=2), load, 3) == ["1-0", "1-1", "2-0"]


def test_a_slow_class_leaves_a_quarter_of_the_places():
    load = Load(slots=100, busy={}, slow={1})
    assert len(pick(heads(c1=500), load, 500)) == 75
    crowded = Load(slots=100, busy={1: 75}, slow={1})
    assert pick(heads(c1=500), crowded, 500) == []
    assert allot([1], crowded, 500) == {}


def test_a_class_never_tried_leaves_half_of_the_places_for_the_first_tries_of_others():
    load = Load(slots=100, busy={})
    assert len(pick(heads(c1=500), load, 500)) == 51
    crowded = Load(slots=100, busy={1: 51})
    assert pick(heads(c1=500), crowded, 500) == []
    assert allot([1], crowded, 500) == {}
    assert taken(pick(heads(c1=500, c2=500), crowded, 500)) == {2: 1}


def test_slow_classes_that_come_one_by_one_leave_places_for_what_comes_last():
    """Forty classes with long queues, each of which has its turn before the next one comes."""
    busy: Counter[int] = Counter()
    for class_id in range(1, 41):
        queues = heads(**{f"c{known}": 50 for known in range(1, class_id + 1)})
        busy += taken(pick(queues, Load(slots=100, busy=busy), 100))
    assert sorted(busy) == list(range(1, 41))
    assert allot([*busy, 99], Load(slots=100, busy=busy), 100) == {99: 1}
    assert taken(pick(heads(c99=500), Load(slots=100, busy=busy, quick={99}), 500)) == {99: 100 - busy.total()}


def test_the_places_left_are_for_quick_classes_and_first_tries():
    load = Load(slots=100, busy={1: 75}, quick={2}, slow={1, 4})
    assert allot([1, 2, 3, 4], load, 500) == {2: 25, 3: 1}
    assert taken(pick(heads(c1=9, c2=500, c3=9, c4=9), load, 500)) == {2: 24, 3: 1}


def test_poor_health_caps_a_class():
    load = Load(slots=100, busy={1: 1}, quick={1}, caps={1: 3})
    assert allot([1], load, 500) == {1: 2}
    assert len(pick(heads(c1=9), load, 500)) == 2


def test_nothing_is_picked_without_room():
    load = Load(slots=2, busy={1: 2}, quick={1, 2})
    assert (load.room, pick(heads(c1=2, c2=2), load, 500), allot([1, 2], load, 500)) == (0, [], {})
