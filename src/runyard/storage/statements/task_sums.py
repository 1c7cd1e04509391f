"""SQL of how all tasks stand: their sums, and what indexes tell of runs by what they are counted under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.task_sums import LANES, RUN_SUMS, TASK_SUMS, TRIAGED
from runyard.domain.tasks import Stage, counted_as
from runyard.storage.port import Row, Tx, Value


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks and runs are meant; what is None is not looked at. Both must have the channel and the origin."""

    project_id: int
    workspace_id: str | None = None
    """'' for tasks of no workspace."""
    owner_kind: str | None = None
    owner_ref: str | None = None
    channel: str | None = None
    origin_kind: str | None = None

    @property
    def named(self) -> set[str]:
        """What is looked at besides the project."""
        return {name for name, value in msgspec.structs.asdict(self).items() if value is not None} - {"project_id"}

    @property
    def values(self) -> dict[str, Value]:
        """The parameters of the conditions."""
        return {"project_id": self.project_id, **{name: getattr(self, name) for name in self.named}}


class RunSums(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs there are at each stage and how long they took to get there, a column for each, kind by kind."""

    counted: Sequence[int]
    """What each kind is counted under."""
    channels: Sequence[str]
    columns: Mapping[str, Sequence[int]]

    def total(self, name: str) -> int:
        """The sum over all kinds."""
        return sum(self.columns[name])

    def kinds(self, name: str) -> list[int]:
        """The kinds that have any."""
        return [counted for counted, sum_of in zip(self.counted, self.columns[name], strict=True) if sum_of]


class Under(msgspec.Struct, frozen=True):
    """A run under way, and since when it is where it is. Built from rows by position."""

    since: int
    run_id: str


_TASKS_WHERE = {
    "workspace_id": " AND workspace_id = :workspace_id",
    "owner_kind": " AND owner_kind = :owner_kind",
    "owner_ref": " AND owner_ref = :owner_ref",
    "channel": " AND channel = :channel",
    "origin_kind": " AND origin_kind = :origin_kind",
}
_RUNS_WHERE = {
    **_TASKS_WHERE,
    "channel": " AND channel = :channel AND run_channel = :channel",
    "origin_kind": " AND origin_kind = :origin_kind AND run_origin_kind = :origin_kind",
}
_RUN_KEY = "workspace_id, owner_kind, owner_ref, channel, origin_kind, run_channel, run_origin_kind"
"""What kinds of runs are told apart by, besides the project."""
_KEYS = len(_RUN_KEY.split(", "))
_CHANNEL = _RUN_KEY.split(", ").index("run_channel")
_SHOWN = tuple(name for name in TASK_SUMS if name not in LANES + TRIAGED)
TASKS = (
    f"SELECT {', '.join(f'COALESCE(SUM({name}), 0)' for name in _SHOWN)} FROM task_sums WHERE project_id = :project_id"
)
RUNS = f"SELECT {_RUN_KEY}, {', '.join(RUN_SUMS)} FROM task_run_sums WHERE project_id = :project_id"

AT_WORK = (Stage.STARTING, Stage.RUNNING)
WORKED_ON = (Stage.CLAIMED, *AT_WORK)
# Index task_runs_under_way; it holds what is under way alone, which has to be said in its own words.
_SINCE = "COALESCE(r.started_at, r.claimed_at, r.queued_at)"
_UNDER_WAY = "r.stage IN ('queued', 'claimed', 'starting', 'running')"
_OF_KIND = (
    f"FROM task_runs r WHERE r.project_id = :project_id AND r.counted = {{}} AND r.stage = :stage AND {_UNDER_WAY}"
)
_EACH = "CAST(k.value AS bigint)"
_AT = f"{_OF_KIND.format(_EACH)} ORDER BY {_SINCE} {{way}}, r.run_id {{way}} LIMIT 1"
OLDEST = f"SELECT k.value, (SELECT {_SINCE} {_AT.format(way='ASC')}) FROM {{each kinds}} AS k"
# Time and id as one text, so that the index is gone down once and not twice for each kind.
NEWEST = (
    f"SELECT k.value, (SELECT CAST({_SINCE} AS text) || ' ' || r.run_id {_AT.format(way='DESC')}) "
    "FROM {each kinds} AS k"
)
_LATEST = f"SELECT {_SINCE}, r.run_id {_OF_KIND} ORDER BY {_SINCE} DESC, r.run_id DESC LIMIT"


def _among(stage: Stage, condition: str) -> str:
    """How many runs of any kind are at the stage and meet the condition."""
    of_kind = _OF_KIND.format(_EACH).replace(":stage", f"'{stage.value}'")
    return f"COALESCE((SELECT SUM((SELECT COUNT(*) {of_kind}{condition})) FROM {{each {stage.value}}} AS k), 0)"


# Nearly all sessions at work are among the first few thousand that are there, which are read once and hashed; whatever
# is not is looked for by itself.
_ORPHAN = """
    AND (r.session_id IN (SELECT s.id FROM sessions s WHERE s.project_id = :project_id AND s.stopped_at IS NULL
    LIMIT 4000)) IS NOT TRUE
    AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = r.session_id AND s.state <> 'stopped')"""
LONG = " + ".join(_among(stage, f" AND {_SINCE} <= :at_{stage.value}") for stage in WORKED_ON)
ORPHANS = " + ".join(_among(stage, _ORPHAN) for stage in AT_WORK)
TROUBLES = f"SELECT {LONG}, {ORPHANS}"
QUEUED_LONG = f"SELECT {_among(Stage.QUEUED, f' AND {_SINCE} <= :at')}"
# Indexes task_runs_claim_time and task_runs_start_time.
_CLAIM_TIME = "r.claimed_at - r.queued_at"
_START_TIME = "r.started_at - COALESCE(r.claimed_at, r.queued_at)"
_SLOWEST = (
    f"(SELECT MAX((SELECT {{time}} FROM task_runs r WHERE r.project_id = :project_id AND r.counted = {_EACH} "
    "AND r.{until} IS NOT NULL ORDER BY {time} DESC LIMIT 1)) FROM {{each {kinds}}} AS k)"
)
SLOWEST = (
    f"SELECT {_SLOWEST.format(time=_CLAIM_TIME, until='claimed_at', kinds='claims')}, "
    f"{_SLOWEST.format(time=_START_TIME, until='started_at', kinds='starts')}"
)

_LAST = "SELECT active_at FROM tasks WHERE project_id = :project_id{} ORDER BY active_at DESC, id DESC LIMIT 1"
LAST = _LAST.format("")  # index tasks_active, which holds what tasks are counted under too
# A truth and not a condition, for PostgreSQL: so it hashes the many numbers once, and keeps to the order of the index.
LAST_COUNTED = _LAST.format(
    " AND (counted IN (SELECT s.counted FROM task_sums s WHERE s.project_id = :project_id{})) IS TRUE"
)
LAST_WORKSPACE = _LAST.format(" AND workspace_id = :workspace_id")  # index tasks_workspace
LAST_NO_WORKSPACE = _LAST.format(" AND workspace_id IS NULL")  # the same
LAST_OWNER = _LAST.format(" AND owner_kind = :owner_kind AND owner_ref = :owner_ref")  # index tasks_owner
# How many is written out: PostgreSQL plans a statement anew each time whose limit it is not told.
_STOPS = (
    "FROM task_events e WHERE e.project_id = :project_id AND e.at >= :since AND e.type = 'task.run_force_stopped' "
    "ORDER BY e.at DESC LIMIT {n}"
)
STOPS = f"SELECT COUNT(*) FROM (SELECT 1 {_STOPS}) AS last"
STOPS_OF = (
    f"SELECT COUNT(*) FROM (SELECT e.run_id {_STOPS}) AS last JOIN task_runs r ON r.run_id = last.run_id "
    "WHERE r.counted {{among counted}}"
)


def tasks(tx: Tx, where: Where) -> dict[str, int]:
    """How many tasks there are of each kind, by the name of the sum."""
    row = tx.row(TASKS + _said(_TASKS_WHERE, where), **where.values) or ()
    return dict(zip(_SHOWN, map(int, row), strict=True))


def runs(tx: Tx, where: Where) -> RunSums:
    """How many runs there are at each stage, kind by kind."""
    rows = tx.wide_rows(RUNS + _said(_RUNS_WHERE, where), **where.values)
    columns = list(zip(*rows, strict=True))[_KEYS:] if rows else [()] * len(RUN_SUMS)
    return RunSums(
        counted=[counted_as((where.project_id, *row[:_KEYS])) for row in rows],
        channels=[row[_CHANNEL] for row in rows],
        columns=dict(zip(RUN_SUMS, columns, strict=True)),
    )


def oldest(tx: Tx, project_id: int, kinds: Sequence[int]) -> dict[int, int]:
    """Since when the longest queued run of each kind is queued."""
    return {int(row[0]): row[1] for row in _each(tx, OLDEST, project_id, Stage.QUEUED, kinds) if row[1] is not None}


def newest(tx: Tx, project_id: int, stage: Stage, kinds: Sequence[int], n: int) -> list[Under]:
    """The `n` runs that came to the stage last, the last first."""
    heads = []
    for counted, head in _each(tx, NEWEST, project_id, stage, kinds):
        if head is not None:
            since, _, run_id = head.partition(" ")
            heads.append((int(since), run_id, int(counted)))
    # The first few of all are among the first few of those kinds whose first are the first few.
    best = {f"counted_{place}": counted for place, (_, _, counted) in enumerate(sorted(heads, reverse=True)[:n])}
    if not best:
        return []
    text = " UNION ALL ".join(f"SELECT * FROM ({_LATEST.format(f':{name}')} {n}) AS {name}" for name in best)
    found = [Under(*row) for row in tx.rows(text, project_id=project_id, stage=stage.value, **best)]
    return sorted(found, key=lambda one: (one.since, one.run_id), reverse=True)[:n]


def troubles(tx: Tx, project_id: int, kinds: Mapping[Stage, Sequence[int]], at: Mapping[Stage, int]) -> tuple[int, int]:
    """How many runs that somebody has are at their stage since that time or longer; how many have no session there."""
    if not any(kinds.values()):
        return 0, 0
    of_stage = {stage.value: _texts(kinds[stage]) for stage in WORKED_ON}
    row = tx.row(TROUBLES, project_id=project_id, **of_stage, **{f"at_{stage.value}": at[stage] for stage in WORKED_ON})
    return (int(row[0]), int(row[1])) if row is not None else (0, 0)


def queued_long(tx: Tx, project_id: int, kinds: Sequence[int], at: int) -> int:
    """How many runs are queued since that time or longer."""
    row = tx.row(QUEUED_LONG, project_id=project_id, queued=_texts(kinds), at=at) if kinds else None
    return int(row[0]) if row is not None else 0


def slowest(tx: Tx, project_id: int, claims: Sequence[int], starts: Sequence[int]) -> tuple[int, int]:
    """The longest that any run was queued until it was claimed, and the longest from any run's claim to its start."""
    if not claims and not starts:
        return 0, 0
    row = tx.row(SLOWEST, project_id=project_id, claims=_texts(claims), starts=_texts(starts))
    return (row[0] or 0, row[1] or 0) if row is not None else (0, 0)


def last_activity(tx: Tx, where: Where) -> int | None:
    """When something last happened to any of the tasks."""
    values, named = where.values, where.named
    if not named:
        text = LAST
    elif named == {"workspace_id"} and where.workspace_id:
        text = LAST_WORKSPACE
    elif named == {"workspace_id"}:
        text, values = LAST_NO_WORKSPACE, {"project_id": where.project_id}
    elif named == {"owner_kind", "owner_ref"}:
        text = LAST_OWNER
    else:
        text = LAST_COUNTED.format(_said(_TASKS_WHERE, where))
    row = tx.row(text, **values)
    return row[0] if row is not None else None


def stops(tx: Tx, project_id: int, since: int, kinds: Sequence[int] | None, n: int) -> int:
    """How many sessions were stopped by force since a time (of the last `n`), working on runs of these kinds.

    None is any kind.
    """
    if kinds is None:
        row = tx.row(STOPS.format(n=n), project_id=project_id, since=since)
    elif kinds:
        row = tx.row(STOPS_OF.format(n=n), project_id=project_id, since=since, counted=list(kinds))
    else:
        row = None
    return int(row[0]) if row is not None else 0


def _said(conditions: Mapping[str, str], where: Where) -> str:
    return "".join(text for name, text in conditions.items() if name in where.named)


def _texts(kinds: Sequence[int]) -> list[str]:
    return list(map(str, kinds))


def _each(tx: Tx, text: str, project_id: int, stage: Stage, kinds: Sequence[int]) -> list[Row]:
    return tx.rows(text, project_id=project_id, stage=stage.value, kinds=_texts(kinds))
