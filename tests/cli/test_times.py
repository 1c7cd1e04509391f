"""Durations and times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runyard.cli.failures import Failure
from runyard.cli.times import ago, length, moment, seconds

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("0", 0),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        ("10m", 600),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1W", 604800),
    ],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 m x", "1y", "m", "1e3", "5m!"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="not a duration"):
        seconds(text)


def test_a_moment_is_a_time_or_a_duration_ago_or_ahead() -> None:
    assert moment("2h", NOW) == NOW - timedelta(hours=2)
    assert moment("2h", NOW, ahead=True) == NOW + timedelta(hours=2)
    assert moment("2025-02-01T00:00:00Z", NOW) == datetime(2025, 2, 1, tzinfo=UTC)
    assert moment("2025-02-01T00:00:00", NOW).tzinfo is not None


@pytest.mark.parametrize("text", ["yesterday", "2025-13-01", "99999999999d"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="not a time"):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.85, "850ms"),
        (3.21, "3.2s"),
        (59.94, "59.9s"),
        (250, "4m 10s"),
        (240, "4m"),
        (7260, "2h 1m"),
        (183600, "2d 3h"),
    ],
)
def test_lengths_have_at_most_two_units(value: float, text: str) -> None:
    assert length(value) == text


def test_ago_looks_both_ways() -> None:
    assert ago(NOW - timedelta(minutes=5), NOW) == "5m ago"
    assert ago(NOW + timedelta(hours=3), NOW) == "in 3h"
    assert ago(NOW, NOW) == "now"
    assert ago(None, NOW) == ""
