"""SQL of how all tasks stand: their sums, and what indexes tell of runs by what they are counted under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.task_sums import RUN_SUMS, TASK_SUMS
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


class RunSum(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs of one kind there are at each stage, and how long they took to get there."""

    counted: int
    channel: str
    sums: Mapping[str, int]


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
_KEY = "project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind"
_RUN_KEY = f"{_KEY}, run_channel, run_origin_kind"
_KEYS = len(_RUN_KEY.split(", "))
_CHANNEL = _RUN_KEY.split(", ").index("run_channel")
_SUMS = ", ".join(f"COALESCE(SUM({name}), 0)" for name in TASK_SUMS)
TASKS = f"SELECT {_SUMS} FROM task_sums WHERE project_id = :project_id"
RUNS = f"SELECT {_RUN_KEY}, {', '.join(RUN_SUMS)} FROM task_run_sums WHERE project_id = :project_id"

# Index task_runs_under_way; it holds what is under way alone, which has to be said in its own words.
_SINCE = "COALESCE(r.started_at, r.claimed_at, r.queued_at)"
_UNDER_WAY = "r.stage IN ('queued', 'claimed', 'starting', 'running')"
_OF_KIND = (
    f"FROM task_runs r WHERE r.project_id = :project_id AND r.counted = {{}} AND r.stage = :stage AND {_UNDER_WAY}"
)
_EACH = "CAST(k.value AS bigint)"
_FIRST = f"(SELECT {{what}} {_OF_KIND.format(_EACH)} ORDER BY {_SINCE} {{way}}, r.run_id {{way}} LIMIT 1)"
OLDEST = f"SELECT k.value, {_FIRST.format(what=_SINCE, way='ASC')} FROM {{each kinds}} AS k"
NEWEST = (
    f"SELECT k.value, {_FIRST.format(what=_SINCE, way='DESC')}, {_FIRST.format(what='r.run_id', way='DESC')} "
    "FROM {each kinds} AS k"
)
LATEST = f"SELECT {_SINCE}, r.run_id {_OF_KIND.format(':counted')} ORDER BY {_SINCE} DESC, r.run_id DESC LIMIT :n"
LONG = (
    f"SELECT COALESCE(SUM((SELECT COUNT(*) {_OF_KIND.format(_EACH)} AND {_SINCE} <= :at)), 0) FROM {{each kinds}} AS k"
)
ORPHANS = f"""
    SELECT COUNT(*) FROM {{each kinds}} AS k
    JOIN task_runs r ON r.project_id = :project_id AND r.counted = {_EACH} AND r.stage = :stage AND {_UNDER_WAY}
    LEFT JOIN sessions s ON s.id = r.session_id WHERE s.id IS NULL OR s.state = 'stopped'"""
# Indexes task_runs_claim_time and task_runs_start_time.
_CLAIM_TIME = "r.claimed_at - r.queued_at"
_START_TIME = "r.started_at - COALESCE(r.claimed_at, r.queued_at)"
_SLOWEST = (
    f"SELECT MAX((SELECT {{time}} FROM task_runs r WHERE r.project_id = :project_id AND r.counted = {_EACH} "
    "AND r.{until} IS NOT NULL ORDER BY {time} DESC LIMIT 1)) FROM {{each kinds}} AS k"
)
SLOWEST_CLAIM = _SLOWEST.format(time=_CLAIM_TIME, until="claimed_at")
SLOWEST_START = _SLOWEST.format(time=_START_TIME, until="started_at")

_LAST = "SELECT active_at FROM tasks WHERE project_id = :project_id{} ORDER BY active_at DESC, id DESC LIMIT 1"
LAST = _LAST.format("")  # index tasks_active, which holds what tasks are counted under too
# A truth and not a condition, for PostgreSQL: so it hashes the many numbers once, and keeps to the order of the index.
LAST_COUNTED = _LAST.format(
    " AND (counted IN (SELECT s.counted FROM task_sums s WHERE s.project_id = :project_id{})) IS TRUE"
)
LAST_WORKSPACE = _LAST.format(" AND workspace_id = :workspace_id")  # index tasks_workspace
LAST_NO_WORKSPACE = _LAST.format(" AND workspace_id IS NULL")  # the same
LAST_OWNER = _LAST.format(" AND owner_kind = :owner_kind AND owner_ref = :owner_ref")  # index tasks_owner
_STOPS = (
    "FROM task_events e WHERE e.project_id = :project_id AND e.at >= :since AND e.type = 'task.run_force_stopped' "
    "ORDER BY e.at DESC LIMIT :n"
)
STOPS = f"SELECT COUNT(*) FROM (SELECT 1 {_STOPS}) AS last"
STOPS_OF = (
    f"SELECT COUNT(*) FROM (SELECT e.run_id {_STOPS}) AS last JOIN task_runs r ON r.run_id = last.run_id "
    "WHERE r.counted {among counted}"
)


def tasks(tx: Tx, where: Where) -> dict[str, int]:
    """How many tasks there are of each kind, by the name of the sum."""
    row = tx.row(TASKS + _said(_TASKS_WHERE, where), **where.values) or ()
    return dict(zip(TASK_SUMS, map(int, row), strict=True))


def runs(tx: Tx, where: Where) -> list[RunSum]:
    """How many runs there are at each stage, kind by kind."""
    return [
        RunSum(
            counted=counted_as(row[:_KEYS]),
            channel=row[_CHANNEL],
            sums=dict(zip(RUN_SUMS, row[_KEYS:], strict=True)),
        )
        for row in tx.rows(RUNS + _said(_RUNS_WHERE, where), **where.values)
    ]


def oldest(tx: Tx, project_id: int, kinds: Sequence[int]) -> dict[int, int]:
    """Since when the longest queued run of each kind is queued."""
    return {int(row[0]): row[1] for row in _each(tx, OLDEST, project_id, Stage.QUEUED, kinds) if row[1] is not None}


def newest(tx: Tx, project_id: int, stage: Stage, kinds: Sequence[int], n: int) -> list[Under]:
    """The `n` runs that came to the stage last, the last first."""
    heads = [(row[1], row[2], int(row[0])) for row in _each(tx, NEWEST, project_id, stage, kinds) if row[1] is not None]
    # The first few of all are among the first few of those kinds whose first are the first few.
    best = [counted for _, _, counted in sorted(heads, reverse=True)[:n]]
    found = [
        Under(*row)
        for counted in best
        for row in tx.rows(LATEST, project_id=project_id, stage=stage.value, counted=counted, n=n)
    ]
    return sorted(found, key=lambda one: (one.since, one.run_id), reverse=True)[:n]


def long(tx: Tx, project_id: int, stage: Stage, kinds: Sequence[int], at: int) -> int:
    """How many runs are at the stage since that time or longer."""
    return int(_each(tx, LONG, project_id, stage, kinds, at=at)[0][0])


def orphans(tx: Tx, project_id: int, stage: Stage, kinds: Sequence[int]) -> int:
    """How many runs at the stage have no session that is there."""
    return int(_each(tx, ORPHANS, project_id, stage, kinds)[0][0])


def slowest_claim(tx: Tx, project_id: int, kinds: Sequence[int]) -> int:
    """The longest that any run was queued until it was claimed."""
    row = tx.row(SLOWEST_CLAIM, project_id=project_id, kinds=_texts(kinds))
    return (row[0] or 0) if row is not None else 0


def slowest_start(tx: Tx, project_id: int, kinds: Sequence[int]) -> int:
    """The longest from any run's claim to its start."""
    row = tx.row(SLOWEST_START, project_id=project_id, kinds=_texts(kinds))
    return (row[0] or 0) if row is not None else 0


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
        row = tx.row(STOPS, project_id=project_id, since=since, n=n)
    else:
        row = tx.row(STOPS_OF, project_id=project_id, since=since, counted=list(kinds), n=n)
    return int(row[0]) if row is not None else 0


def _said(conditions: Mapping[str, str], where: Where) -> str:
    return "".join(text for name, text in conditions.items() if name in where.named)


def _texts(kinds: Sequence[int]) -> list[str]:
    return [str(kind) for kind in kinds]


def _each(tx: Tx, text: str, project_id: int, stage: Stage, kinds: Sequence[int], **more: Value) -> list[Row]:
    return tx.rows(text, project_id=project_id, stage=stage.value, kinds=_texts(kinds), **more)
