"""What people ask who watch agents: which runs, and how they did over some days. Pure."""

from __future__ import annotations

import msgspec

from runyard.domain.agents import Phase

PERIODS = {"day": 1, "week": 7, "month": 30}
"""How many days, today among them, each period has."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Whose runs are meant: those of all of the project's agents, or of what is named."""

    project_id: int
    agent_id: str | None = None
    repository_id: str | None = None
    trigger: str | None = None


class Wanted(Watch, frozen=True, kw_only=True):
    """Which runs are wanted: those that meet everything said here."""

    phases: tuple[Phase, ...] | None = None
    pr_number: int | None = None
    since: int | None = None
    """Effective later than this."""
    until: int | None = None
    """Effective earlier than this."""


def rounded(part: int, whole: int, places: int = 0) -> int:
    """`part / whole` in units of that decimal place, half up and exact; 0 of nothing."""
    return (2 * part * 10**places + whole) // (2 * whole) if whole else 0
