"""How all tasks of a project stand, and whether anything is wrong with them.

Numbers come from sums, which are always exact; what sums cannot tell (the oldest, the longest, the newest) from
indexes of runs by what they are counted under. So a look costs the more, the more kinds of tasks there are, and the
same for any number of tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.policy import SECOND
from runyard.domain.task_sums import STATUSES
from runyard.domain.tasks import Stage, TaskRun
from runyard.engine.tasks import views
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import task_sums as sql
from runyard.storage.statements.task_extremes import Under, Wanted, extremes, together
from runyard.storage.statements.task_sums import RunSums, Where

MINUTE = 60 * SECOND
STUCK_AFTER = {Stage.CLAIMED: 5 * MINUTE, Stage.STARTING: 5 * MINUTE, Stage.RUNNING: 30 * MINUTE}
"""How long a run may be at each stage until something seems to be wrong with it."""
UNDER_WAY = (Stage.RUNNING, Stage.STARTING, Stage.CLAIMED, Stage.QUEUED)
"""Stages of runs that are shown, those first."""
BACKLOG_AFTER = 10 * MINUTE
STALE_AFTER = 2 * MINUTE
SHOWN = 4
STOPS = 1000
"""How many forced stops are looked at, the last ones: there may be as many as runs."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long something took, in microseconds."""

    samples: int
    total: int
    maximum: int

    @property
    def average(self) -> int:
        """The mean."""
        return self.total // self.samples if self.samples else 0


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """What is queued in a channel; '' is none."""

    channel: str
    count: int
    oldest_at: int


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """A run under way."""

    seen: Seen
    run: RunSeen
    since: int
    """Since when it is where it is."""
    stuck: bool


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """How all tasks stand at one moment."""

    now: int
    tasks: Mapping[str, int]
    """By status, and how many are blocked by what."""
    runs: Mapping[str, int]
    """By stage."""
    queue: list[Depth]
    """By channel."""
    stuck: int
    orphans: int
    """Runs that are worked on in no session that is there."""
    claim: Latency
    """From queue to claim."""
    start: Latency
    """From claim to start."""
    forced_stops: int
    items: list[Active]
    last_at: int | None
    """When something last happened; None when nothing ever did."""

    @property
    def tasks_total(self) -> int:
        """How many tasks there are."""
        return sum(self.tasks[status] for status in STATUSES)

    @property
    def runs_total(self) -> int:
        """How many runs of tasks there are."""
        return sum(self.runs.values())

    @property
    def under_way(self) -> int:
        """How many runs have not ended, but for those that need attention."""
        return sum(self.runs[stage] for stage in UNDER_WAY)

    @property
    def oldest_at(self) -> int | None:
        """Since when the longest queued run is queued."""
        return min((depth.oldest_at for depth in self.queue), default=None)

    @property
    def backlog(self) -> bool:
        """Whether a run has been queued for too long."""
        return self.oldest_at is not None and self.now - self.oldest_at >= BACKLOG_AFTER

    @property
    def healthy(self) -> bool:
        """Whether nothing seems to be wrong."""
        return not (self.stuck or self.orphans or self.backlog)

    @property
    def age(self) -> int:
        """How long ago something last happened."""
        return max(self.now - self.last_at, 0) if self.last_at is not None else 0

    @property
    def stale(self) -> bool:
        """Whether nothing happens though something should."""
        return self.under_way > 0 and self.age > STALE_AFTER


def stats(tx: Tx, where: Where, *, since: int) -> Dashboard:
    """How the tasks and runs that are meant stand; `since` is when to begin to count forced stops."""
    standing = sql.standing(tx, where)
    sums = standing.runs
    wanted = Wanted(
        project_id=where.project_id,
        sums=sums,
        all=not where.named,
        long_at={stage: tx.now - after for stage, after in STUCK_AFTER.items()},
        since=since,
        stops=STOPS,
        shown=UNDER_WAY,
        n=SHOWN,
    )
    found = extremes(tx, wanted)
    return Dashboard(
        now=tx.now,
        tasks=standing.tasks,
        runs={stage.value: sums.total(stage) for stage in Stage},
        queue=_queue(sums, found.oldest, tx.now),
        stuck=found.long,
        orphans=found.orphans,
        claim=Latency(samples=sums.total("claims"), total=sums.total("claim_time"), maximum=found.claim),
        start=Latency(samples=sums.total("starts"), total=sums.total("start_time"), maximum=found.start),
        forced_stops=found.stops,
        items=_items(tx, found.newest),
        last_at=standing.last_at,
    )


def _queue(sums: RunSums, oldest: Mapping[int, int], now: int) -> list[Depth]:
    channels: dict[str, tuple[int, int]] = {}
    for counted, channel, queued in zip(sums.counted, sums.channels, sums.columns[Stage.QUEUED], strict=True):
        if queued:
            count, at = channels.get(channel, (0, now))
            channels[channel] = count + queued, min(at, oldest.get(counted, now))
    return [Depth(channel=name, count=channels[name][0], oldest_at=channels[name][1]) for name in sorted(channels)]


def _items(tx: Tx, found: Sequence[Under]) -> list[Active]:
    """The first few runs under way, those that got farthest before the others."""
    if not found:
        return []
    rows, runs, tasks = together(tx, [one.run_id for one in found])
    seen = {one.task.id: one for one in views.see(tx, list(tasks.values()))}
    return [
        Active(
            seen=seen[row.task_id],
            run=RunSeen(run=run, row=row, task=tasks[row.task_id]),
            since=one.since,
            stuck=_is_stuck(row, tx.now - one.since),
        )
        for one in found
        if (row := rows.get(one.run_id)) is not None
        and (run := runs.get(one.run_id)) is not None
        and row.task_id in seen
    ]


def _is_stuck(row: TaskRun, age: int) -> bool:
    return row.stage in STUCK_AFTER and age >= STUCK_AFTER[row.stage]
