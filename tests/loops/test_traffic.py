"""What a dispatcher remembers of the classes it serves."""

from __future__ import annotations

from runyard.loops.dispatch.traffic import SERVED, Traffic


def test_the_quick_classes_served_last_are_remembered() -> None:
    traffic = Traffic(100)
    for class_id in range(SERVED + 3):
        traffic.timed(class_id, 0.01)
    traffic.timed(3, 0.02)
    assert traffic.served[-1] == 3
    assert len(traffic.served) == SERVED
    assert 0 not in traffic.served


def test_a_class_that_becomes_slow_is_not_looked_at_for_itself() -> None:
    traffic = Traffic(100)
    traffic.timed(1, 0.01)
    traffic.timed(2, 5.0)
    assert list(traffic.served) == [1]
    for _ in range(3):
        traffic.timed(1, 5.0)
    assert not traffic.served
