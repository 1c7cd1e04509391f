"""Five-field cron expressions over IANA time zones: minute, hour, day of month, month, day of week.

What a change of clocks does:
- An expression that names hours (`30 2 * * *`) means local times. A local time that does not exist, because the clocks
  jump over it, fires at the instant they jump, and once however many of its times they jump over. A local time that
  exists twice fires once, the first time.
- An expression that takes every hour (`*/5 * * * *`) means minutes as they pass: it neither makes up for the hour that
  is missing nor rests in the one that comes twice.
- Whether a minute matches is asked of the local time at that instant, nothing else.

Names (`MON`, `JAN`), ranges, steps, lists, `L` and `#` are understood. As in Debian's cron a day must match both day
fields when one of them begins with `*`, else either.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

LONGEST = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
_LEAP_YEAR = datetime(2000, 1, 1)  # noqa: DTZ001 (any local time)


def check(expression: str) -> None:
    """Raise `ValueError` for what is no five-field expression, or one that never matches."""
    if next(_naive(expression, _LEAP_YEAR), None) is None:
        raise ValueError(f"the cron expression {expression!r} never matches: there is no such day")


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone. Raises `ValueError`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name[:64]!r}; use an IANA name such as Europe/Vienna") from None


def matches(expression: str, zone_name: str, micros: int) -> bool:
    """Whether the expression matches the minute that the time falls in. Raises `ValueError`."""
    return _fits(_fields(expression), _time(micros).astimezone(zone(zone_name)))


def next_after(expression: str, zone_name: str, micros: int) -> int | None:
    """The first time after this one at which a schedule fires; None when there is none. Raises `ValueError`."""
    where = zone(zone_name)
    if len(_fields(expression).hours) == 24:
        return _next_minute(expression, where, micros)
    now = _time(micros)
    # Local times are asked for in their order; each stands for an instant, and those never go back.
    for local in _naive(expression, now.astimezone(where).replace(tzinfo=None)):
        instant = _instant(local, where)
        if instant > now:
            return _micros(instant)
    return None


def next_match(expression: str, zone_name: str, micros: int) -> int | None:
    """This time if its minute matches, else the start of the first minute that does. Raises `ValueError`."""
    if matches(expression, zone_name, micros):
        return micros
    return _next_minute(expression, zone(zone_name), micros)


def upcoming(expression: str, zone_name: str, micros: int, n: int) -> list[int]:
    """The next `n` times at which a schedule fires. Raises `ValueError`."""
    found: list[int] = []
    while len(found) < n:
        at = next_after(expression, zone_name, found[-1] if found else micros)
        if at is None:
            break
        found.append(at)
    return found


def _next_minute(expression: str, where: ZoneInfo, micros: int) -> int | None:
    """The start of the first minute after this time whose local time matches."""
    now = _time(micros)
    while True:
        local = now.astimezone(where)
        offset = _offset(local)
        candidate = next(_naive(expression, local.replace(tzinfo=None)), None)
        if candidate is None:
            return None
        instant = (candidate - offset).replace(tzinfo=UTC)
        change = _change(where, now, instant)
        if change is None:
            return _micros(instant)
        if _fits(_fields(expression), change.astimezone(where)):
            return _micros(change)
        now = change


def _change(where: ZoneInfo, now: datetime, until: datetime) -> datetime | None:
    """The first instant after `now`, up to `until`, from which on the clocks are set differently."""
    offset = _offset(now.astimezone(where))
    before = now
    while before < until:
        after = min(before + DAY, until)
        if _offset(after.astimezone(where)) != offset:
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // 2
                if _offset(middle.astimezone(where)) == offset:
                    before = middle
                else:
                    after = middle
            return after.replace(microsecond=0)
        before = after
    return None


def _instant(local: datetime, where: ZoneInfo) -> datetime:
    """When it is that local time: the first time it is, or when the clocks jump over it."""
    instant = local.replace(tzinfo=where).astimezone(UTC)
    if instant.astimezone(where).replace(tzinfo=None) == local:
        return instant
    # Read with the offset before the jump, a missing time lies behind the jump; with the one after it, before.
    behind = local.replace(tzinfo=where, fold=1).astimezone(UTC)
    return _change(where, behind, instant) or instant


def _naive(expression: str, after: datetime) -> Iterator[datetime]:
    """The local times after this one that match. Raises `ValueError`."""
    times = copy(_fields(expression))
    times.dt = after.replace(microsecond=0)
    return times


@lru_cache(maxsize=1024)
def _fields(expression: str) -> CronSim:
    """The expression as it was read; copies of it are advanced. Raises `ValueError`."""
    if len(expression) > LONGEST or not expression.isascii() or len(expression.split()) != 5:
        raise ValueError(f"a cron expression has five fields, as in `*/5 * * * *`; this is {expression[:64]!r}")
    try:
        return CronSim(expression, _LEAP_YEAR)
    except CronSimError as error:
        raise ValueError(f"the cron expression {expression!r} is wrong: {error}") from None


def _fits(fields: CronSim, local: datetime) -> bool:
    return (
        local.minute in fields.minutes
        and local.hour in fields.hours
        and local.month in fields.months
        and fields.match_day(local.date())
    )


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()


def _time(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _micros(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)
