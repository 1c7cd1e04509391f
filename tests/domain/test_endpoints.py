"""Circuits and health of addresses."""

from __future__ import annotations

import pytest

from runyard.domain.endpoints import FAILURES, OPEN, PROBE, Endpoint, Tried, after, closed_until, score, share

NOW = 1_000_000_000
GOOD, BAD = (True, 0.1), (False, 0.1)


def fared(*results: tuple[bool, float], now: int = NOW, before: Endpoint | None = None) -> Endpoint:
    endpoint = before or Endpoint(project_id=1, url="http://x")
    return after(endpoint, Tried(project_id=1, url="http://x", results=results), now)


def test_five_failures_in_a_row_open_the_circuit_for_a_minute():
    assert closed_until(fared(*[BAD] * (FAILURES - 1)), NOW) is None
    assert closed_until(fared(*[BAD] * 4, GOOD, *[BAD] * 4), NOW) is None
    opened = fared(*[BAD] * FAILURES)
    assert closed_until(opened, NOW) == NOW + OPEN
    assert closed_until(opened, NOW + OPEN) is None


def test_further_failures_do_not_keep_a_circuit_open_for_longer():
    opened = fared(*[BAD] * FAILURES)
    assert closed_until(fared(BAD, now=NOW + 1, before=opened), NOW + 1) == NOW + OPEN


def test_a_success_or_the_end_of_the_minute_closes_the_circuit_and_zeroes_the_count():
    opened = fared(*[BAD] * FAILURES)
    closed = fared(GOOD, before=opened)
    assert (closed.failures, closed_until(closed, NOW)) == (0, None)
    later = fared(BAD, now=NOW + OPEN, before=opened)
    assert (later.failures, closed_until(later, NOW + OPEN)) == (1, None)


def test_health_goes_from_a_hundred_down_with_failures_and_slow_answers():
    assert score(Endpoint(project_id=1, url="")) == 100
    assert score(fared(GOOD)) == pytest.approx(100, abs=0.1)
    assert score(fared(BAD)) == pytest.approx(92, abs=0.1)
    assert score(fared(*[BAD] * 100)) == pytest.approx(20, abs=0.1)
    assert score(fared(*[(True, 60.0)] * 100)) == pytest.approx(80, abs=0.1)


def test_an_endpoint_in_poor_health_is_left_alone_but_for_a_probe_now_and_then():
    poor = fared(*[BAD] * 40)
    quiet = NOW + OPEN
    assert closed_until(poor, quiet) is None
    poor = fared(BAD, now=quiet, before=poor)
    assert closed_until(poor, quiet + 1) == quiet + PROBE
    assert closed_until(poor, quiet + PROBE) is None


def test_between_poor_and_fair_health_a_part_of_the_concurrency_is_left():
    assert share(Endpoint(project_id=1, url="")) == 1
    assert share(Endpoint(project_id=1, url="", success=0.5)) == 1
    assert share(Endpoint(project_id=1, url="", success=0.3125)) == pytest.approx(0.625)
    assert share(Endpoint(project_id=1, url="", success=0.125)) == pytest.approx(0.25)
    assert share(Endpoint(project_id=1, url="", success=0)) == pytest.approx(0.25)
