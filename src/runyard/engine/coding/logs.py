"""Logs of coding runs: lines kept as their writers wrote them, and read again as they were."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.coding import CodingRun, CodingSeen
from runyard.domain.errors import DomainError, NotFound
from runyard.domain.moves import changed
from runyard.domain.records import Run
from runyard.domain.slices import Slice
from runyard.domain.states import LEASED
from runyard.engine import sizes
from runyard.engine.coding import news, runs
from runyard.storage.port import ChunkLine, LogLine, Tx, many
from runyard.storage.statements import coding_logs as sql
from runyard.storage.statements import coding_runs as rows_sql
from runyard.storage.statements import manifests
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements.coding_logs import Kept, Wanted

TIMED, UNTIMED = 1, 2
"""A whole line says when it was written, or not: then its time is when it came."""
BEAT = 60 * 1_000_000
"""Who writes is alive; it is noted once in so long."""
TOLD, TOLD_SIZE = 100, 256 << 10
"""How many lines followers are told of at once, and how much text."""
LINES = 1000
_json = msgspec.json.Encoder()


class WholeLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line to append: all that its writer wrote, and what was read from it for those who read lines of text."""

    data: str
    type: str
    level: str = "info"
    message: str = ""
    at: int | None = None
    """When its writer says that it was written."""
    ends: bool = False
    """Whether it says that nothing more will come."""


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """Lines for a run of a task."""

    project_id: int
    task_id: str
    run_id: str
    lines: tuple[WholeLine, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines make a page, found on one snapshot."""

    total: int
    """How many lines the log has."""
    matching: int
    """How many of them are meant."""
    after: int
    upto: int
    """The page's lines have numbers behind the first and up to the second."""


@many
def append(tx: Tx, requests: Sequence[Append]) -> list[CodingSeen | DomainError]:
    """Append lines to runs' logs, also to those of ended runs; for each request its run as it is shown.

    Whoever follows a run is told of them, unless what happens in its sandbox is streamed from there.
    """
    ids = sorted({request.run_id for request in requests})
    gone = sql.gone(tx, sorted({request.task_id for request in requests}))
    found = runs_sql.get(tx, ids)
    known = {request.run_id for request in requests if _own(found.get(request.run_id), request, gone) is not None}
    found |= _beaten(tx, [found[run_id] for run_id in ids if run_id in known])
    beside = _beside(tx, [found[run_id] for run_id in ids if run_id in known])
    entries = manifests.of_runs(tx, sorted(known))
    outcomes: list[CodingSeen | DomainError] = []
    for request in requests:
        run = _own(found.get(request.run_id), request, gone)
        if run is None:
            outcomes.append(NotFound(f"the task has no run {request.run_id[:64]!r}"))
            continue
        row = beside[run.id] = _written(tx, run, beside[run.id], request.lines)
        outcomes.append(CodingSeen(run=run, row=row, manifest=entries.get(run.id, ())))
    sql.count_on(tx, [counted(row) for row in beside.values()])
    return outcomes


def counted(row: CodingRun) -> tuple[int | str | None, ...]:
    """The row's counters as they are written."""
    return row.entries, row.relayed, row.ingested, row.streamed_at, row.run_id


def _own(run: Run | None, request: Append, gone: set[str]) -> Run | None:
    mine = run is not None and run.project_id == request.project_id and run.task_id == request.task_id
    return run if mine and request.task_id not in gone else None


def _beaten(tx: Tx, known: Sequence[Run]) -> dict[str, Run]:
    """Those of the runs whose executor has not been heard of for a while, now that it was."""
    quiet = [run.id for run in known if _quiet(run, tx.now)]
    if not quiet:
        return {}
    before = [run for run in runs_sql.lock(tx, quiet).values() if _quiet(run, tx.now)]
    after = [changed(run, heartbeat_at=tx.now) for run in before]
    runs_sql.save(tx, before, after)
    return {run.id: run for run in after}


def _quiet(run: Run, now: int) -> bool:
    return run.state in LEASED and (run.heartbeat_at is None or run.heartbeat_at <= now - BEAT)


def _beside(tx: Tx, known: Sequence[Run]) -> dict[str, CodingRun]:
    """What stands beside the runs, locked until the commit."""
    rows = rows_sql.lock(tx, [run.id for run in known])
    for run in known:
        if run.id not in rows:  # its first lines, and another kind of executor works on it
            rows[run.id] = runs.take(tx, run.project_id, run.task_id or "", run.id).row
    return rows


def _written(tx: Tx, run: Run, row: CodingRun, lines: Sequence[WholeLine]) -> CodingRun:
    told = size = 0
    for line in lines:
        at, whole = (tx.now, UNTIMED) if line.at is None else (line.at, TIMED)
        tx.emit(LogLine(run.project_id, run.id, run.attempt, at, line.level, line.message, line.data, line.type, whole))
        told, size = told + 1, size + len(line.data)
        if not row.relayed and (told == TOLD or size >= TOLD_SIZE):
            tell(tx, run, told, size)
            told = size = 0
    if row.relayed:
        return msgspec.structs.replace(row, entries=row.entries + len(lines))
    if told:
        tell(tx, run, told, size)
    ends = any(line.ends for line in lines)
    streamed_at = tx.now if ends and row.streamed_at is None else row.streamed_at
    return msgspec.structs.replace(row, entries=row.entries + len(lines), streamed_at=streamed_at)


def tell(tx: Tx, run: Run, lines: int, size: int) -> None:
    """Tell those who follow the run of the log lines that were emitted right before, so many and of that size.

    They are not kept twice: what followers read says only where they stand.
    """
    said = _json.encode((lines, size)).decode()
    tx.emit(ChunkLine(run.project_id, run.id, news.LOGGED, said, False))


# -- reading --------------------------------------------------------------------------------------------------------


def page(
    tx: Tx, project_id: int, task_id: str, run_id: str, wanted: Wanted, *, offset: int = 0, limit: int | None = None
) -> Page:
    """Where the lines stand that are meant, from the first on or behind so many. Raises `NotFound`."""
    runs.find(tx, project_id, task_id, run_id)
    upto = sql.newest(tx, run_id)
    total = sql.count(tx, run_id, Wanted(), upto)
    plain = wanted.kinds is None and not wanted.without and wanted.later is None
    matching = total if plain else sql.count(tx, run_id, wanted, upto)
    first = sql.place(tx, run_id, wanted, upto, offset) if offset < matching else None
    if first is None:
        return Page(total=total, matching=matching, after=upto, upto=upto)
    behind = None if limit is None or offset + limit >= matching else offset + limit
    end = None if behind is None else sql.place(tx, run_id, wanted, upto, behind)
    return Page(total=total, matching=matching, after=first - 1, upto=upto if end is None else end - 1)


def whole(tx: Tx, project_id: int, run_id: str, task_id: str | None = None) -> int:
    """The number up to which the run's log is there now. Raises `NotFound`."""
    if task_id is not None:
        runs.find(tx, project_id, task_id, run_id)
    elif (run := runs_sql.get(tx, [run_id]).get(run_id)) is None or run.project_id != project_id:
        raise NotFound(f"there is no run {run_id[:64]!r}")
    return sql.newest(tx, run_id)


def portion(tx: Tx, run_id: str, wanted: Wanted, after: int, upto: int, lines: int = LINES) -> Slice[Kept, int]:
    """The next lines up to a number: no more than so many, and fewer where they are big."""
    ahead = sql.sizes(tx, run_id, wanted, after, upto, lines + 1)
    return sizes.sliced(ahead, lines, lambda first, last: sql.between(tx, run_id, wanted, first, last))


def next_lines(found: int) -> int:
    """How many lines to look at next, when so many fitted: where they are big, few."""
    return min(LINES, max(8, 2 * found))
