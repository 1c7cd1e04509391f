"""What the sandbox of a coding run tells as it happens: handed to its followers as it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from runyard.domain.coding import CodingRun
from runyard.domain.errors import LeaseLost, NotFound
from runyard.domain.records import Run
from runyard.engine.coding import logs, news, permissions, runs, usage
from runyard.storage.port import ChunkLine, Tx
from runyard.storage.statements import coding_logs as sql
from runyard.storage.statements import coding_runs as rows_sql
from runyard.storage.statements import runs as runs_sql

RELAYED, OVER = 1, 2
"""The run's sandbox tells what happens in it; and it has said that this was all."""


class Pushed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event: its JSON on one line, and what was read from it."""

    text: str
    kind: str = ""
    ends: bool = False
    """Whether nothing more will come by what it says."""
    asks: Mapping[str, Any] | None = None
    """The question, where the agent asks leave."""
    settles: Mapping[str, Any] | None = None
    """The answer, where such a question was answered in the sandbox."""
    uses: Mapping[str, Any] | None = None
    """The tokens, where it tells what was used."""


class Numbered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event with its number, counted from 1 in one run."""

    number: int
    event: Pushed


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of numbered events."""

    accepted: int
    duplicate: int
    last: int
    """The number of the last one that was ever accepted."""
    conflict: str | None = None
    """Why the rest was not taken."""
    code: str | None = None


def push(tx: Tx, run_id: str, events: Sequence[Pushed], *, epoch: int | None = None) -> None:
    """Hand on events that the server heard itself, from the sandbox of the claim with that number where one is said.

    Raises `NotFound`, and `LeaseLost` once the run was claimed anew: it has another sandbox then.
    """
    run = runs_sql.lock(tx, [run_id]).get(run_id)
    row = rows_sql.lock(tx, [run_id]).get(run_id)
    if run is None or row is None:
        raise NotFound(f"there is no coding run {run_id[:64]!r}")
    if epoch is not None and run.epoch != epoch:
        raise LeaseLost("the run was claimed anew; what its last sandbox tells is not heard any more")
    _hand_on(tx, run, row, events)


def take(
    tx: Tx,
    project_id: int,
    task_id: str,
    run_id: str,
    events: Sequence[Numbered] = (),
    *,
    final: int | None = None,
) -> Taken:
    """Hand on events that a sandbox sends by itself, each once; `final` is the number of the last one of all.

    Raises `NotFound`.
    """
    seen = runs.take(tx, project_id, task_id, run_id)
    row, last, duplicate = seen.row, seen.row.ingested, 0
    fresh: list[Pushed] = []
    conflict: tuple[str, str] | None = None
    for one in events:
        if row.relayed == OVER:
            conflict = "the stream is complete; nothing follows its end", "stream_complete"
        elif one.number <= last:
            duplicate += 1
            continue
        elif one.number == last + 1:
            fresh.append(one.event)
            last += 1
            continue
        else:
            conflict = f"event {one.number} does not follow event {last}; send {last + 1} next", "sequence_gap"
        break
    over = conflict is None and final is not None and final == last
    if conflict is None and final is not None and final != last:
        conflict = f"the stream ends with event {last}, not with {final}", "final_seq_mismatch"
    if fresh or (over and row.relayed != OVER):
        _hand_on(tx, seen.run, replace(row, ingested=last), fresh, over=over)
    said, code = conflict or (None, None)
    return Taken(accepted=len(fresh), duplicate=duplicate, last=last, conflict=said, code=code)


def begin(tx: Tx, project_id: int, task_id: str, run_id: str) -> Taken:
    """The number of the last event that was accepted, for a sandbox that begins to send events. Raises `NotFound`."""
    row = runs.take(tx, project_id, task_id, run_id).row
    _expect(tx, row)
    return Taken(accepted=0, duplicate=0, last=row.ingested)


def expect(tx: Tx, run_id: str) -> None:
    """Know that the server will hear the run's events itself: the lines of its log are not told besides."""
    row = rows_sql.lock(tx, [run_id]).get(run_id)
    if row is not None:
        _expect(tx, row)


def _expect(tx: Tx, row: CodingRun) -> None:
    # What happened first is in the log before the first event comes, and comes among the events again.
    if not row.relayed:
        sql.count_on(tx, [logs.counted(replace(row, relayed=RELAYED))])


def _hand_on(tx: Tx, run: Run, row: CodingRun, events: Sequence[Pushed], *, over: bool = False) -> None:
    for event in events:
        tx.emit(ChunkLine(run.project_id, run.id, news.EVENTS, event.text, event.ends))
        if event.asks is not None:
            permissions.ask(tx, run, event.asks)
        if event.settles is not None:
            permissions.settle(tx, run, event.settles)
    usage.heard(tx, run, [event.uses for event in events if event.uses is not None])
    ends = over or any(event.ends for event in events)
    if ends:
        # Followers look at the run when they are woken, also when there was nothing to tell but the end.
        tx.wake(f"chunks:{run.id}")
    row = replace(
        row,
        relayed=OVER if over or row.relayed == OVER else RELAYED,
        streamed_at=tx.now if ends and row.streamed_at is None else row.streamed_at,
    )
    sql.count_on(tx, [logs.counted(row)])
