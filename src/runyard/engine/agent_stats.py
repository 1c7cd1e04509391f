"""How runs of agents did over the last days, from the sums by day alone: what it costs does not grow with the runs.

Days are those of UTC, and a run is of the day on which it began (was made, while it has not). Sums outlive runs that
are deleted by age.
"""

from __future__ import annotations

import msgspec

from runyard.domain.agents import DAY
from runyard.domain.watching import PERIODS, Watch, rounded
from runyard.engine.agent_lists import has_runs
from runyard.storage.port import Tx
from runyard.storage.statements import agent_days


class Sums(msgspec.Struct, frozen=True):
    """What runs come to, in the order of `domain.agents.TALLIED`; `total` counts canceled and unfinished ones too."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    """Ended without success, timeouts among them, cancellations not."""
    duration_ms: int = 0
    durations: int = 0
    """How many runs have a duration."""
    errors: int = 0
    warnings: int = 0
    infos: int = 0

    @property
    def findings(self) -> int:
        """How many findings there are."""
        return self.errors + self.warnings + self.infos

    @property
    def success_rate(self) -> float:
        """The share of successes among runs with a verdict, to three decimals, half up; 0 without any."""
        return rounded(self.succeeded, self.succeeded + self.failed, 3) / 1000

    @property
    def mean_duration_ms(self) -> int:
        """The mean over runs with a duration, half up; 0 without any."""
        return rounded(self.duration_ms, self.durations)


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """Some days up to today, each with its sums, oldest first."""

    first: int
    """The first day, since 1970 in UTC."""
    days: list[Sums]

    @property
    def whole(self) -> Sums:
        """The sums of all days."""
        columns = zip(*map(msgspec.structs.astuple, self.days), strict=True)
        return Sums(*map(sum, columns))


def over(tx: Tx, watch: Watch, period: str) -> Spell:
    """The days of one of `PERIODS`, today the last. Of an unknown agent or repository nothing is counted."""
    last = tx.now // DAY
    first = last - PERIODS[period] + 1
    found = agent_days.tallied(tx, watch, first, last) if has_runs(tx, watch) else {}
    return Spell(first=first, days=[Sums(*found.get(day, ())) for day in range(first, last + 1)])
