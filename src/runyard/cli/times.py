"""Times and durations, as people type and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from runyard.cli.failures import Failure, usage

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


def seconds(text: str) -> float:
    """Seconds in `90`, `30s`, `1h30m` or `2d`. Raises a usage `Failure` for anything else."""
    text = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise usage(f"{text!r} is not a duration", "Write it like 30s, 10m, 1h30m or 2d.")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def moment(text: str, now: datetime, *, ahead: bool = False) -> datetime:
    """A time: RFC 3339, or a duration before now (after now with `ahead`). Raises a usage `Failure`."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return when if when.tzinfo else when.astimezone()
    try:
        delta = timedelta(seconds=seconds(text))
        return now + delta if ahead else now - delta
    except (Failure, OverflowError):
        raise usage(
            f"{text!r} is not a time", "Write a duration like 10m or 2d, or a time like 2025-01-31T09:00:00Z."
        ) from None


def now() -> datetime:
    """The time of day, in UTC."""
    return datetime.now(UTC)


def stamp(when: datetime | None) -> str:
    """RFC 3339 in UTC to the second, or nothing."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""


def clock(when: datetime) -> str:
    """The local time of day with milliseconds."""
    return when.astimezone().strftime("%H:%M:%S.%f")[:-3]


def length(duration: timedelta | float | None) -> str:
    """A duration in at most two units: `850ms`, `3.2s`, `4m 10s`, `2d 3h`."""
    if duration is None:
        return ""
    total = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    total = max(total, 0.0)
    if total < 1:
        return f"{total * 1000:.0f}ms"
    if total < 60:
        return f"{total:.1f}s"
    for name, size, small, part in (("m", 60, "s", 1), ("h", 3600, "m", 60), ("d", 86400, "h", 3600)):
        if total < size * (60 if name == "m" else 24) or name == "d":
            rest = int(total % size // part)
            return f"{int(total // size)}{name}" + (f" {rest}{small}" if rest else "")
    raise AssertionError


def ago(when: datetime | None, at: datetime) -> str:
    """How long ago, or how far ahead."""
    if when is None:
        return ""
    gap = (at - when).total_seconds()
    if abs(gap) < 1:
        return "now"
    return f"{length(int(gap))} ago" if gap > 0 else f"in {length(int(-gap))}"
