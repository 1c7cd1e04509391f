"""Reading the journal, alone and merged with a run's log, in the order of the server-wide sequence."""

from __future__ import annotations

from functools import partial
from heapq import merge
from operator import attrgetter

from runyard.domain.records import Event, LogEntry
from runyard.domain.slices import Slice
from runyard.engine import runs, sizes
from runyard.storage.port import Tx
from runyard.storage.statements import events as sql
from runyard.storage.statements import logs as logs_sql

SCAN = 5000
"""How many lines one call looks at for a filter."""


def of_run(
    tx: Tx, project_id: int, run_id: str, *, after: int = 0, limit: int = 50, type: str | None = None
) -> Slice[Event, int]:
    """The run's journal, oldest first. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    return _slice(tx, run_id, after, limit, type)


def of_project(
    tx: Tx, project_id: int, *, after: int = 0, limit: int = 50, type: str | None = None
) -> Slice[Event, int]:
    """The project's journal, oldest first."""
    return _slice(tx, project_id, after, limit, type)


def tail(tx: Tx, project_id: int, run_id: str, *, after: int = 0, limit: int = 200) -> Slice[Event | LogEntry, int]:
    """The run's first events and log lines after a sequence number, in one order. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    return with_log(tx, run_id, after, limit)


def with_log(tx: Tx, run_id: str, after: int, limit: int) -> Slice[Event | LogEntry, int]:
    """The run's next events and log lines, in one order: fewer than are asked for where lines are long."""
    ahead = logs_sql.sizes(tx, run_id, after, None, limit + 1, level=None, type=None)
    logged = sizes.sliced(ahead, limit, partial(logs_sql.between, tx, run_id, level=None, type=None))
    upto = logged.more
    events = [one for one in sql.after(tx, run_id, after, limit + 1) if upto is None or one.seq < upto]
    rows: list[Event | LogEntry] = list(merge(events, logged.rows, key=attrgetter("seq")))
    return Slice(rows=rows[:limit], more=rows[limit - 1].seq if len(rows) > limit else upto)


def oldest_seq(tx: Tx, project_id: int) -> int:
    """After this number nothing is missing; whoever resumes earlier may have missed what retention deleted."""
    return sql.pruned(tx, project_id)


def newest_seq(tx: Tx) -> int:
    """The last number given out; whoever has seen a higher one has seen another database."""
    return sql.last(tx)


def _slice(tx: Tx, key: str | int, after: int, limit: int, type: str | None) -> Slice[Event, int]:
    if type is None:
        rows = sql.after(tx, key, after, limit + 1)
        more = rows[limit - 1].seq if len(rows) > limit else None
        return Slice(rows=rows[:limit], more=more)
    looked, upto = sql.reach(tx, key, after, SCAN)
    if upto is None:
        return Slice(rows=[], more=None)
    rows = sql.after_of_type(tx, key, after, upto, limit + 1, type)
    if len(rows) > limit:
        return Slice(rows=rows[:limit], more=rows[limit - 1].seq)
    return Slice(rows=rows, more=upto if looked == SCAN else None)
