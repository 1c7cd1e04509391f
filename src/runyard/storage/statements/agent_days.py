"""SQL of the sums by day of runs of agents. Whatever is asked goes along an index of days.

The sums of all days together stand beside them, under the day `EVER`, so that no question needs to read every day.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from runyard.domain.agents import EVER, TALLIED, Phase
from runyard.domain.watching import Watch
from runyard.storage.port import Row, Tx

# An agent and a repository are of one project, and have indexes of their own: (project_id, day, …) is the primary key,
# `agent_days_job` (job_id, day), `agent_days_repository` (repository_id, day) where there is one.
_CONDITIONS = {
    "agent_id": "job_id = :agent_id",
    "repository_id": "repository_id = :repository_id AND repository_id <> ''",
    "trigger": "trigger = :trigger",
}


@lru_cache(maxsize=256)
def text(sums: tuple[str, ...], names: tuple[str, ...]) -> str:
    """Sums by day, newest first, of what meets the conditions of these names."""
    added = ", ".join(f"CAST(SUM({one}) AS BIGINT)" for one in sums)
    whose = [] if {"agent_id", "repository_id"} & {*names} else ["project_id = :project_id"]
    return (
        f"SELECT day, {added} FROM agent_days WHERE {' AND '.join([*whose, *(_CONDITIONS[name] for name in names)])} "
        "AND day >= :first AND day <= :last GROUP BY day ORDER BY day DESC"
    )


def kept(tx: Tx, watch: Watch, phases: Sequence[Phase], first: int, last: int) -> list[tuple[int, int]]:
    """Days in that range, newest first, with how many runs in these phases are there to be listed; none without."""
    found = _rows(tx, watch, (" + ".join(f"kept_{phase}" for phase in phases),), first, last)
    return [(day, count) for day, count in found if count]


def kept_ever(tx: Tx, watch: Watch, phases: Sequence[Phase]) -> int:
    """How many runs in these phases are there to be listed, of all days."""
    return sum(count for _, count in kept(tx, watch, phases, EVER, EVER))


def tallied(tx: Tx, watch: Watch, first: int, last: int) -> dict[int, Row]:
    """The sums of `TALLIED` of each day in that range that has any."""
    return {row[0]: row[1:] for row in _rows(tx, watch, TALLIED, first, last)}


def _rows(tx: Tx, watch: Watch, sums: tuple[str, ...], first: int, last: int) -> list[Row]:
    said = {name: value for name in _CONDITIONS if (value := getattr(watch, name)) is not None}
    return tx.rows(text(sums, tuple(said)), project_id=watch.project_id, first=first, last=last, **said)
