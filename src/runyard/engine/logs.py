"""A run's log: lines that executors append, read in the order of the server-wide sequence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from runyard.domain.errors import DomainError, Invalid
from runyard.domain.records import Json, LogEntry
from runyard.domain.slices import Slice
from runyard.engine import fences, runs, sizes
from runyard.engine.events import SCAN
from runyard.engine.fences import Writer
from runyard.storage.port import LogLine, Tx, many
from runyard.storage.statements import logs as sql
from runyard.storage.statements.fences import Fenced

MESSAGE = 1 << 20
ENTRIES = 1000


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line to append; without `at` it gets the time of the transaction."""

    message: str
    level: str = "info"
    data: Json | None = None
    at: int | None = None
    type: str = "log"
    """What kind of line it is."""


class AppendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Lines for one run: all of them or none."""

    writer: Writer
    entries: tuple[NewEntry, ...]


@many
def append(tx: Tx, requests: Sequence[AppendRequest]) -> list[int | DomainError]:
    """Append lines to runs' logs; for each request how many were taken, or why none was."""
    return [found if isinstance(found, DomainError) else len(found) for found in _append(tx, requests)]


@many
def add(tx: Tx, requests: Sequence[AppendRequest]) -> list[list[LogLine] | DomainError]:
    """`append`, answered with the lines themselves; they know their numbers once this is committed."""
    return _append(tx, requests)


def _append(tx: Tx, requests: Sequence[AppendRequest]) -> list[list[LogLine] | DomainError]:
    opened = fences.opened(tx, [request.writer for request in requests])
    outcomes: list[list[LogLine] | DomainError] = []
    for request, run in zip(requests, opened, strict=True):
        refused = run if isinstance(run, DomainError) else _refused(request)
        if refused is not None or isinstance(run, DomainError):
            outcomes.append(refused or Invalid())
            continue
        lines = [_line(tx, run, entry) for entry in request.entries]
        for line in lines:
            tx.emit(line)
        outcomes.append(lines)
    return outcomes


def _line(tx: Tx, run: Fenced, entry: NewEntry) -> LogLine:
    at = tx.now if entry.at is None else entry.at
    # What a program prints may hold anything; PostgreSQL keeps no NUL and the line is worth more than its NUL.
    message = entry.message.replace("\0", "\ufffd")
    return LogLine(run.project_id, run.id, run.attempt, at, entry.level, message, entry.data, entry.type)


def of_run(
    tx: Tx,
    project_id: int,
    run_id: str,
    *,
    after: int = 0,
    limit: int = 50,
    level: str | None = None,
    type: str | None = None,
) -> Slice[LogEntry, int]:
    """The run's log, oldest first, perhaps of one level or one type only. Raises `NotFound`.

    Where lines are long there are fewer, and one at least.
    """
    runs.find(tx, project_id, run_id)
    looked, upto = (0, None) if level is None and type is None else sql.reach(tx, run_id, after, SCAN)
    ahead = sql.sizes(tx, run_id, after, upto, limit + 1, level=level, type=type)
    found = sizes.sliced(ahead, limit, partial(sql.between, tx, run_id, level=level, type=type))
    # Beyond what was looked at there may be more of the kind.
    return Slice(rows=found.rows, more=upto) if found.more is None and looked == SCAN else found


def seq_at(tx: Tx, run_id: str, at: int) -> int:
    """The number up to which the run's log was written by that time."""
    return sql.seq_at(tx, run_id, at)


def _refused(request: AppendRequest) -> DomainError | None:
    if len(request.entries) > ENTRIES:
        return Invalid(f"{len(request.entries)} lines in one call; at most {ENTRIES} are taken")
    try:
        for entry in request.entries:
            sizes.within(MESSAGE, "the message", entry.message)
            sizes.within(sizes.DOCUMENT, "the data of a log line", entry.data)
            sizes.plain("the level", entry.level, longest=32)
            sizes.plain("the type", entry.type, longest=128, shortest=1)
    except DomainError as error:
        return error
    return None
