"""Cron expressions over time zones, held to a model that goes through every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runyard.domain import cron

ZONES = (
    "UTC",
    "Europe/Vienna",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",
)
CHANGES = (  # near changes of clocks in one of the zones, and an ordinary day
    "2025-03-30T00:00",
    "2025-10-26T00:00",
    "2025-03-09T06:00",
    "2025-11-02T05:00",
    "2025-04-05T14:00",
    "2025-10-04T15:00",
    "2011-12-30T09:00",
    "2025-02-23T02:00",
    "2025-06-15T12:00",
)


def at(text: str) -> int:
    """A time in UTC as microseconds."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - cron.EPOCH) // timedelta(microseconds=1)


def shown(micros: list[int]) -> list[str]:
    """Times in UTC as text."""
    return [(cron.EPOCH + timedelta(microseconds=one)).strftime("%m-%dT%H:%M") for one in micros]


def _part(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.builds(lambda one, other: f"{min(one, other)}-{max(one, other)}", number, number),
        st.integers(2, 20).map(lambda step: f"*/{step}"),
        st.lists(number, min_size=1, max_size=3).map(lambda several: ",".join(map(str, several))),
    )


EXPRESSIONS = st.builds(
    lambda *parts: " ".join(parts),
    _part(0, 59),
    _part(0, 23),
    st.one_of(st.just("*"), _part(1, 28)),
    st.just("*"),
    st.one_of(st.just("*"), _part(0, 6)),
)


def _set(part: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for piece in part.split(","):
        bounds, _, step = piece.partition("/")
        first, _, last = (f"{low}-{high}" if bounds == "*" else bounds).partition("-")
        found |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return found


def _model_fits(expression: str, local: datetime) -> bool:
    minute, hour, day, month, weekday = expression.split()
    in_month = local.day in _set(day, 1, 31)
    in_week = local.isoweekday() % 7 in _set(weekday, 0, 7)
    either = not day.startswith("*") and not weekday.startswith("*")
    return (
        local.minute in _set(minute, 0, 59)
        and local.hour in _set(hour, 0, 23)
        and local.month in _set(month, 1, 12)
        and (in_month or in_week if either else in_month and in_week)
    )


def _model_fires(expression: str, where: ZoneInfo, instant: datetime) -> bool:
    """Whether a schedule fires at this minute, by looking at it and the one before."""
    local = instant.astimezone(where)
    if _set(expression.split()[1], 0, 23) == set(range(24)):
        return _model_fits(expression, local)
    if _model_fits(expression, local) and local.fold == 0:
        return True
    before = (instant - timedelta(minutes=1)).astimezone(where).replace(tzinfo=None)
    missing = before + timedelta(minutes=1)
    while missing < local.replace(tzinfo=None):
        if _model_fits(expression, missing):
            return True
        missing += timedelta(minutes=1)
    return False


@settings(max_examples=40)
@given(
    expression=EXPRESSIONS,
    zone=st.sampled_from(ZONES),
    near=st.sampled_from(CHANGES),
    shift=st.integers(-300, 300),
    seconds=st.integers(0, 59),
)
def test_schedules_fire_as_a_walk_through_every_minute_says(expression, zone, near, shift, seconds):
    start = at(near) + (shift * 60 + seconds) * 1_000_000
    where = ZoneInfo(zone)
    instant = (cron.EPOCH + timedelta(microseconds=start)).replace(second=0)
    expected = []
    for _ in range(2 * 24 * 60):
        instant += timedelta(minutes=1)
        if _model_fires(expression, where, instant):
            expected.append((instant - cron.EPOCH) // timedelta(microseconds=1))
    found = cron.upcoming(expression, zone, start, min(len(expected), 40) + 1)
    assert shown(found[: len(expected)][:40]) == shown(expected[:40])


@settings(max_examples=60)
@given(expression=EXPRESSIONS, zone=st.sampled_from(ZONES), near=st.sampled_from(CHANGES), shift=st.integers(-300, 300))
def test_the_next_match_is_the_first_minute_whose_local_time_matches(expression, zone, near, shift):
    start = at(near) + shift * 60 * 1_000_000
    where = ZoneInfo(zone)
    found = cron.next_match(expression, zone, start)
    for minutes in range(2 * 24 * 60):
        micros = start + minutes * 60_000_000
        local = (cron.EPOCH + timedelta(microseconds=micros)).astimezone(where)
        assert cron.matches(expression, zone, micros) == _model_fits(expression, local)
        if _model_fits(expression, local):
            assert found == micros
            return
    assert found is None or found > start + 2 * 24 * 3600 * 1_000_000 - 60_000_000


def test_a_local_time_that_the_clocks_jump_over_fires_once_when_they_jump():
    fires = cron.upcoming("*/15 2 * * *", "Europe/Vienna", at("2025-03-29T12:00"), 2)
    assert shown(fires) == ["03-30T01:00", "03-31T00:00"]


def test_a_local_time_that_exists_twice_fires_the_first_time_only():
    fires = cron.upcoming("30 2 * * *", "Europe/Vienna", at("2025-10-25T12:00"), 2)
    assert shown(fires) == ["10-26T00:30", "10-27T01:30"]


def test_what_takes_every_hour_goes_on_while_clocks_are_changed():
    fires = cron.upcoming("0 * * * *", "Europe/Vienna", at("2025-10-25T22:30"), 4)
    assert shown(fires) == ["10-25T23:00", "10-26T00:00", "10-26T01:00", "10-26T02:00"]
    fires = cron.upcoming("30 * * * *", "Europe/Vienna", at("2025-03-30T00:00"), 3)
    assert shown(fires) == ["03-30T00:30", "03-30T01:30", "03-30T02:30"]


def test_a_time_that_matches_is_its_own_next_match():
    inside = at("2025-06-15T12:30") + 1_234_567
    assert cron.next_match("* 12 * * *", "UTC", inside) == inside
    assert shown([cron.next_match("* 13 * * *", "UTC", inside) or 0]) == ["06-15T13:00"]


def test_rare_days_are_found():
    assert shown(cron.upcoming("0 0 29 2 *", "America/New_York", at("2025-01-01T00:00"), 1)) == ["02-29T05:00"]


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "* * * *",
        "* * * * * *",
        "@daily",
        "61 * * * *",
        "* 24 * * *",
        "0 0 30 2 *",
        "a b c d e",
        "*/0 * * * *",
        "* * * * *\0",
        "٣ * * * *",
        "0 " * 300,
    ],
)
def test_what_is_no_expression_is_refused(wrong):
    with pytest.raises(ValueError, match="cron expression"):
        cron.check(wrong)


@pytest.mark.parametrize("wrong", ["", "America", "../etc/passwd", "/etc/passwd", "Mars/Olympus", "UTC\0", "x" * 300])
def test_what_is_no_time_zone_is_refused(wrong):
    with pytest.raises(ValueError, match="time zone"):
        cron.zone(wrong)
