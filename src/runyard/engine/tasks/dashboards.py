"""How all tasks of a project stand, and whether anything is wrong with them.

Numbers come from sums, which are always exact; what sums cannot tell (the oldest, the longest, the newest) from
indexes of runs by what they are counted under. So a look costs the more, the more kinds of tasks there are, and the
same for any number of tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from runyard.domain.policy import SECOND
from runyard.domain.task_sums import STATUSES
from runyard.domain.tasks import Stage, TaskRun
from runyard.engine.tasks import views
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import task_sums as sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements.task_sums import RunSum, Under, Where

MINUTE = 60 * SECOND
STUCK_AFTER = {Stage.CLAIMED: 5 * MINUTE, Stage.STARTING: 5 * MINUTE, Stage.RUNNING: 30 * MINUTE}
"""How long a run may be at each stage until something seems to be wrong with it."""
UNDER_WAY = (Stage.RUNNING, Stage.STARTING, Stage.CLAIMED, Stage.QUEUED)
"""Stages of runs that are shown, those first."""
WORKED_ON = (Stage.RUNNING, Stage.STARTING)
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
    sums = sql.runs(tx, where)
    project_id = where.project_id
    claims, starts = _kinds(sums, "claims"), _kinds(sums, "starts")
    return Dashboard(
        now=tx.now,
        tasks=sql.tasks(tx, where),
        runs={stage.value: _sum(sums, stage.value) for stage in Stage},
        queue=_queue(tx, project_id, sums),
        stuck=sum(
            sql.long(tx, project_id, stage, kinds, tx.now - after)
            for stage, after in STUCK_AFTER.items()
            if (kinds := _kinds(sums, stage))
        ),
        orphans=sum(sql.orphans(tx, project_id, stage, kinds) for stage in WORKED_ON if (kinds := _kinds(sums, stage))),
        claim=_latency(tx, project_id, sql.slowest_claim, claims, _sum(sums, "claims"), _sum(sums, "claim_time")),
        start=_latency(tx, project_id, sql.slowest_start, starts, _sum(sums, "starts"), _sum(sums, "start_time")),
        forced_stops=sql.stops(tx, project_id, since, [one.counted for one in sums] if where.named else None, STOPS),
        items=_items(tx, project_id, sums),
        last_at=sql.last_activity(tx, where),
    )


def _sum(sums: Sequence[RunSum], name: str) -> int:
    return sum(one.sums[name] for one in sums)


def _kinds(sums: Sequence[RunSum], name: str) -> list[int]:
    return [one.counted for one in sums if one.sums[name]]


def _queue(tx: Tx, project_id: int, sums: Sequence[RunSum]) -> list[Depth]:
    queued = [one for one in sums if one.sums[Stage.QUEUED]]
    oldest = sql.oldest(tx, project_id, [one.counted for one in queued]) if queued else {}
    channels: dict[str, Depth] = {}
    for one in queued:
        count, at = one.sums[Stage.QUEUED], oldest.get(one.counted, tx.now)
        before = channels.get(one.channel)
        if before is not None:
            count, at = count + before.count, min(at, before.oldest_at)
        channels[one.channel] = Depth(channel=one.channel, count=count, oldest_at=at)
    return [channels[name] for name in sorted(channels)]


def _latency(
    tx: Tx, project_id: int, slowest: Callable[[Tx, int, Sequence[int]], int], kinds: Sequence[int], n: int, total: int
) -> Latency:
    return Latency(samples=n, total=total, maximum=slowest(tx, project_id, kinds) if kinds else 0)


def _items(tx: Tx, project_id: int, sums: Sequence[RunSum]) -> list[Active]:
    """The first few runs under way, those that got farthest before the others."""
    found: list[Under] = []
    for stage in UNDER_WAY:
        kinds = _kinds(sums, stage)
        if kinds and len(found) < SHOWN:
            found += sql.newest(tx, project_id, stage, kinds, SHOWN - len(found))
    ids = [one.run_id for one in found]
    rows, runs = task_runs_sql.get(tx, ids), runs_sql.get(tx, ids)
    tasks = tasks_sql.get(tx, [row.task_id for row in rows.values()])
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
