from __future__ import annotations

from runyard.sdk.worker.pace import MOST_AHEAD, Pace


def test_long_runs_get_no_reserve() -> None:
    pace = Pace(fixed=None)
    pace.ahead(0.0)
    for second in range(1, 20):
        pace.finished()
        assert pace.ahead(float(second)) == 0


def test_short_runs_get_what_is_done_in_a_tenth_of_a_second() -> None:
    pace = Pace(fixed=None)
    now = 0.0
    pace.ahead(now)
    for _ in range(20):
        now += 0.1
        for _ in range(100):
            pace.finished()
        ahead = pace.ahead(now)
    assert 95 <= ahead <= 100


def test_the_reserve_is_bounded_and_melts_away() -> None:
    pace = Pace(fixed=None)
    pace.ahead(0.0)
    for _ in range(50_000):
        pace.finished()
    assert pace.ahead(0.1) == MOST_AHEAD
    for second in range(2, 20):
        pace.ahead(second * 2.0)
    assert pace.ahead(60.0) == 0


def test_a_reserve_may_be_fixed() -> None:
    assert Pace(fixed=7).ahead(0.0) == 7
