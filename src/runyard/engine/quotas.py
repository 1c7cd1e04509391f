"""Quotas of projects: how much may be queued, worked on and spent before nothing more is taken."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from runyard.domain.cron import EPOCH, zone
from runyard.domain.errors import RateLimited
from runyard.domain.projects import ProjectSettings
from runyard.domain.states import LEASED, RunState
from runyard.storage.port import Tx
from runyard.storage.statements import quotas as sql

SETTLED = 300_000_000
"""Usage older than this is all there: no transaction takes so long to commit."""
_MICRO = timedelta(microseconds=1)


@lru_cache(maxsize=1024)
def _decoded(text: str) -> ProjectSettings:
    return msgspec.json.decode(text, type=ProjectSettings)


def settings_of(tx: Tx, project_ids: Iterable[int]) -> dict[int, ProjectSettings]:
    """What those of the projects limit that limit anything."""
    return {number: _decoded(text) for number, text in sql.settings(tx, sorted(set(project_ids))).items()}


def is_limited(settings: ProjectSettings) -> bool:
    """Whether there is any quota on making runs."""
    return (settings.max_queued, settings.max_running, settings.daily_cost) != (None, None, None)


class Quotas:
    """The quotas of the projects of one batch; each count is taken once."""

    def __init__(self, tx: Tx, settings: dict[int, ProjectSettings]) -> None:
        self.tx = tx
        self.settings = settings
        self._counts: dict[tuple[str, int], int] = {}
        self._asked: dict[int, int] = {}

    def refuse_over(self, project_id: int, *, queued: bool) -> None:
        """Take a place for one more run. Raises `RateLimited` when a quota of its project has none."""
        settings = self.settings.get(project_id)
        if settings is None or not is_limited(settings):
            return
        if settings.max_queued is not None and queued:
            asked = self._asked.get(project_id, 0)
            if self._queued(project_id, settings.max_queued) + asked >= settings.max_queued:
                raise RateLimited(f"the project has {settings.max_queued} queued runs, which is its quota")
            self._asked[project_id] = asked + 1
        most = settings.max_running
        if most is not None and self._running(project_id, most) >= most:
            raise RateLimited(f"the project has {most} runs at work, which is its quota")
        if settings.daily_cost is not None:
            start, end = day(self.tx.now, settings.timezone)
            if self._spent(project_id, start) >= settings.daily_cost:
                raise RateLimited(
                    f"the project has spent its {settings.daily_cost / 1e6:g} USD of the day",
                    retry_after=max(1, -(-(end - self.tx.now) // 1_000_000)),
                )

    def _queued(self, project_id: int, most: int) -> int:
        key = ("queued", project_id)
        if key not in self._counts:
            self._counts[key] = sql.count(self.tx, project_id, RunState.QUEUED.value, most)
        return self._counts[key]

    def _running(self, project_id: int, most: int) -> int:
        key = ("running", project_id)
        if key not in self._counts:
            self._counts[key] = sum(sql.count(self.tx, project_id, state.value, most) for state in sorted(LEASED))
        return self._counts[key]

    def _spent(self, project_id: int, start: int) -> int:
        key = ("spent", project_id)
        if key not in self._counts:
            self._counts[key] = spent(self.tx, project_id, start)
        return self._counts[key]


def spent(tx: Tx, project_id: int, since: int) -> int:
    """What the project spent since then, in micro-USD; what was added up once is remembered."""
    fact = ("spent", project_id, since)
    until, total = tx.known.get(fact) or (since, 0)
    settled = tx.now - SETTLED
    if settled > until:
        total += sql.cost(tx, project_id, until, settled)
        until = settled
        tx.learned[fact] = (until, total)
    return int(total + sql.cost(tx, project_id, until, tx.now + 1))


def day(micros: int, zone_name: str) -> tuple[int, int]:
    """When the day that the time falls in begins and ends in that time zone."""
    where = zone(zone_name)
    local = (EPOCH + micros * _MICRO).astimezone(where)
    midnight = datetime(local.year, local.month, local.day, tzinfo=where)
    after = datetime.combine(local.date() + timedelta(days=1), midnight.time(), tzinfo=where)
    return _micros(midnight), _micros(after)


def _micros(time: datetime) -> int:
    return (time.astimezone(UTC) - EPOCH) // _MICRO
