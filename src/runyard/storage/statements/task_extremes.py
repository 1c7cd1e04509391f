"""SQL of what sums of runs cannot tell, from indexes of runs by what they are counted under: an entry for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.records import Run
from runyard.domain.tasks import Stage, Task, TaskRun
from runyard.storage.port import Ask, Row, Tx, Value, as_records
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements.task_sums import RunSums

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


_ORPHAN = " AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = r.session_id AND s.state <> 'stopped')"
# Nearly all sessions at work are among the first few thousand that are there, which are read once and hashed; whatever
# is not is looked for by itself.
_UNKNOWN = """
    AND (r.session_id IN (SELECT s.id FROM sessions s WHERE s.project_id = :project_id AND s.stopped_at IS NULL
    LIMIT 4000)) IS NOT TRUE"""
_LONG = " + ".join(_among(stage, f" AND {_SINCE} <= :at_{stage.value}") for stage in WORKED_ON)
TROUBLES = f"SELECT {_LONG}, {' + '.join(_among(stage, _ORPHAN) for stage in AT_WORK)}"
TROUBLES_OF_MANY = f"SELECT {_LONG}, {' + '.join(_among(stage, _UNKNOWN + _ORPHAN) for stage in AT_WORK)}"
MANY = 500
"""With fewer runs at work than this, it costs less to look for the session of each."""
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
TASKS_OF = (
    f"SELECT {tasks_sql.COLUMNS} FROM tasks "
    "WHERE id IN (SELECT r.task_id FROM task_runs r WHERE r.run_id {among ids})"
)


class Under(msgspec.Struct, frozen=True):
    """A run under way, and since when it is where it is. Built from rows by position."""

    since: int
    run_id: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told of the runs of some kinds."""

    project_id: int
    sums: RunSums
    all: bool
    """Whether these are all runs of the project."""
    long_at: Mapping[Stage, int]
    """Since when a run is at a stage for too long."""
    since: int
    """When to begin to count forced stops."""
    stops: int
    """How many of them are looked at, the last ones."""
    shown: Sequence[Stage]
    """Which stages to show runs of, these first."""
    n: int
    """How many to show."""


class Extremes(msgspec.Struct, frozen=True, kw_only=True):
    """What sums cannot tell."""

    oldest: Mapping[int, int]
    """Since when the longest queued run of each kind is queued."""
    long: int
    """How many runs that somebody has are at their stage for too long."""
    orphans: int
    """How many runs that are worked on have no session that is there."""
    claim: int
    """The longest that any run was queued until it was claimed."""
    start: int
    """The longest from any run's claim to its start."""
    stops: int
    """How many sessions that worked on such runs were stopped by force."""
    newest: list[Under]
    """The runs to show: those that came to their stage last, the last first, stage by stage."""


def extremes(tx: Tx, wanted: Wanted) -> Extremes:
    """What is wanted of the runs."""
    asks = _asks(wanted)
    found = dict(zip(asks, tx.together(list(asks.values())), strict=True))
    long, orphans = next(iter(found.get("troubles", ())), (0, 0))
    claim, start = next(iter(found.get("slowest", ())), (0, 0))
    return Extremes(
        oldest={int(row[0]): row[1] for row in found.get("oldest", ()) if row[1] is not None},
        long=int(long),
        orphans=int(orphans),
        claim=claim or 0,
        start=start or 0,
        stops=next(iter(found.get("stops", ())), (0,))[0],
        newest=_newest(tx, wanted, {stage: found[stage] for stage in wanted.shown if stage in found}),
    )


def _asks(wanted: Wanted) -> dict[str, Ask]:
    sums, project = wanted.sums, {"project_id": wanted.project_id}
    since: dict[str, Value] = {**project, "since": wanted.since}
    asks = {}
    if wanted.all:
        asks["stops"] = Ask(STOPS.format(n=wanted.stops), since)
    elif sums.counted:
        asks["stops"] = Ask(STOPS_OF.format(n=wanted.stops), {**since, "counted": list(sums.counted)})
    if queued := _texts(sums.kinds(Stage.QUEUED)):
        asks["oldest"] = Ask(OLDEST, {**project, "stage": Stage.QUEUED.value, "kinds": queued})
    worked_on = {stage.value: _texts(sums.kinds(stage)) for stage in WORKED_ON}
    if any(worked_on.values()):
        at = {f"at_{stage.value}": wanted.long_at[stage] for stage in WORKED_ON}
        few = sum(map(sums.total, AT_WORK)) < MANY
        asks["troubles"] = Ask(TROUBLES if few else TROUBLES_OF_MANY, {**project, **worked_on, **at})
    claims, starts = _texts(sums.kinds("claims")), _texts(sums.kinds("starts"))
    if claims or starts:
        asks["slowest"] = Ask(SLOWEST, {**project, "claims": claims, "starts": starts})
    left = wanted.n
    for stage in wanted.shown:
        if left > 0 and (kinds := _texts(sums.kinds(stage))):
            asks[stage] = Ask(NEWEST, {**project, "stage": stage.value, "kinds": kinds})
            left -= sums.total(stage)
    return asks


def _newest(tx: Tx, wanted: Wanted, heads: Mapping[Stage, Sequence[Row]]) -> list[Under]:
    # The first few of all are among the first few of those kinds whose first are the first few.
    asks = [_latest(wanted, stage, _best(rows, wanted.n)) for stage, rows in heads.items()]
    shown: list[Under] = []
    for rows in tx.together([ask for ask in asks if ask.params]):
        found = sorted((Under(*row) for row in rows), key=lambda one: (one.since, one.run_id), reverse=True)
        shown += found[: wanted.n - len(shown)]
    return shown


def _best(rows: Sequence[Row], n: int) -> list[int]:
    heads = []
    for counted, head in rows:
        if head is not None:
            since, _, run_id = head.partition(" ")
            heads.append((int(since), run_id, int(counted)))
    return [counted for *_, counted in sorted(heads, reverse=True)[:n]]


def _latest(wanted: Wanted, stage: Stage, kinds: Sequence[int]) -> Ask:
    """The first few of each of some kinds."""
    named = {f"counted_{place}": counted for place, counted in enumerate(kinds)}
    text = " UNION ALL ".join(f"SELECT * FROM ({_LATEST.format(f':{name}')} {wanted.n}) AS {name}" for name in named)
    return Ask(text, {"project_id": wanted.project_id, "stage": stage.value, **named} if named else {})


def queued_long(tx: Tx, project_id: int, kinds: Sequence[int], at: int) -> int:
    """How many runs of these kinds are queued since that time or longer."""
    row = tx.row(QUEUED_LONG, project_id=project_id, queued=_texts(kinds), at=at) if kinds else None
    return int(row[0]) if row is not None else 0


def together(tx: Tx, run_ids: Sequence[str]) -> tuple[dict[str, TaskRun], dict[str, Run], dict[str, Task]]:
    """Runs of tasks with what stands beside them, each by run, and their tasks."""
    texts = (task_runs_sql.GET, runs_sql.GET, TASKS_OF)
    rows, runs, tasks = tx.together([Ask(text, {"ids": list(run_ids)}, wide=True) for text in texts])
    return (
        {row.run_id: row for row in as_records(TaskRun, rows)},
        {run.id: run for run in map(runs_sql.from_row, runs)},
        {task.id: task for task in as_records(Task, tasks)},
    )


def _texts(kinds: Sequence[int]) -> list[str]:
    return list(map(str, kinds))
