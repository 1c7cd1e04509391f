"""Following one run live: where a follower begins, and what came since. Cheap enough to be asked at every wake-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from runyard.domain.errors import Ended
from runyard.domain.records import Chunk, Event, LogEntry, Run
from runyard.domain.slices import Slice
from runyard.domain.states import ENDED
from runyard.engine import chunks as pieces
from runyard.engine import events, runs
from runyard.storage.port import Tx
from runyard.storage.statements import events as events_sql
from runyard.storage.statements import fences as runs_sql

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
    return _look(tx, run_id, events.with_log(tx, run_id, after, limit))


def chunks(tx: Tx, run_id: str, after: int, limit: int) -> Look[Chunk]:
    """The run's next chunks."""
    return _look(tx, run_id, pieces.following(tx, run_id, after, limit))


def _look(tx: Tx, run_id: str, found: Slice[L, int]) -> Look[L]:
    if found.more is not None:
        return Look(lines=found.rows, upto=found.more, more=True, ended=False)
    run = runs_sql.get(tx, [run_id]).get(run_id)
    return Look(lines=found.rows, upto=events_sql.last(tx), more=False, ended=run is None or run.state in ENDED)
