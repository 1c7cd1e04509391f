"""Following one run live: where a follower begins, and what came since. Cheap enough to be asked at every wake-up."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from operator import attrgetter
from typing import Generic, TypeVar

import msgspec

from runyard.domain.errors import Ended
from runyard.domain.records import Chunk, Event, LogEntry, Run
from runyard.domain.states import ENDED
from runyard.engine import runs
from runyard.storage.port import Tx
from runyard.storage.statements import chunks as chunks_sql
from runyard.storage.statements import events as events_sql
from runyard.storage.statements import fences as runs_sql
from runyard.storage.statements import logs as logs_sql

L = TypeVar("L", bound=Event | LogEntry | Chunk)


class Look(msgspec.Struct, Generic[L], frozen=True, kw_only=True):
    """What one look found."""

    lines: Sequence[L]
    upto: int
    """Everything up to this number has been seen."""
    more: bool
    """Whether there is more behind it."""
    ended: bool
    """Whether nothing will follow: the run has ended, and this is the whole rest."""


def begin(tx: Tx, project_id: int, run_id: str) -> tuple[Run, int]:
    """A run that has not ended, and the number after which all that comes is new. Raises `NotFound` or `Ended`."""
    run = runs.find(tx, project_id, run_id)
    if run.state in ENDED:
        raise Ended(f"the run is {run.state}; there is nothing more to follow", state=run.state.value)
    return run, events_sql.last(tx)


def lines(tx: Tx, run_id: str, after: int, limit: int) -> Look[Event | LogEntry]:
    """The run's next events and log lines, in one order."""
    events: list[Event | LogEntry] = [*events_sql.after(tx, run_id, after, limit)]
    logged: list[Event | LogEntry] = [*logs_sql.after(tx, run_id, after, limit)]
    return _look(tx, run_id, list(merge(events, logged, key=attrgetter("seq")))[:limit], limit)


def chunks(tx: Tx, run_id: str, after: int, limit: int) -> Look[Chunk]:
    """The run's next chunks."""
    return _look(tx, run_id, chunks_sql.after(tx, run_id, after, limit), limit)


def _look(tx: Tx, run_id: str, found: Sequence[L], limit: int) -> Look[L]:
    if len(found) >= limit:
        return Look(lines=found, upto=found[-1].seq, more=True, ended=False)
    run = runs_sql.get(tx, [run_id]).get(run_id)
    return Look(lines=found, upto=events_sql.last(tx), more=False, ended=run is None or run.state in ENDED)
