"""Looking closely at one run: the wish for more detail, and everything that is known of it in one piece."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.moves import changed
from runyard.domain.records import LogEntry, Run
from runyard.domain.traces import Checkpoint, Output, Sample, ToolCall, Usage
from runyard.engine import checkpoints, outputs, resources, sizes, tool_calls, usage
from runyard.engine.ledger import journal
from runyard.engine.runs import find
from runyard.storage.port import Tx
from runyard.storage.statements import debug as sql
from runyard.storage.statements import runs as runs_sql

EVENTS = 10_000
OUTPUTS = 10_000
RECORDS = 1000
"""How many checkpoints, lines of usage, tool calls and samples a bundle holds."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run: the newest of everything, as much as one page of each list carries; outputs by name."""

    run: Run
    events: Sequence[LogEntry]
    checkpoints: Sequence[Checkpoint]
    usage: Sequence[Usage]
    tool_calls: Sequence[ToolCall]
    outputs: Sequence[Output]
    samples: Sequence[Sample]


def turn(tx: Tx, project_id: int, run_id: str, *, on: bool, actor: str | None = None) -> Run:
    """Ask for more detail of the run, or for no more, in whatever state it is. Raises `NotFound`."""
    run = find(tx, project_id, run_id, lock=True)
    if bool(run.debug) == on:
        return run
    after = changed(run, debug=int(on), updated_at=tx.now)
    runs_sql.save(tx, [run], [after])
    journal(tx, after, "run.debug_set", actor, {"debug": on})
    return after


def bundle(tx: Tx, project_id: int, run_id: str) -> Bundle:
    """Everything that is known of the run. Raises `NotFound`."""
    return Bundle(
        run=find(tx, project_id, run_id),
        events=_events(tx, run_id),
        checkpoints=checkpoints.of_run(tx, project_id, run_id, limit=RECORDS).rows,
        usage=usage.newest(tx, project_id, run_id, limit=RECORDS).rows,
        tool_calls=tool_calls.newest(tx, project_id, run_id, limit=RECORDS).rows,
        outputs=outputs.of_run(tx, project_id, run_id, limit=OUTPUTS).rows,
        samples=resources.of_run(tx, run_id, RECORDS),
    )


def _events(tx: Tx, run_id: str) -> list[LogEntry]:
    ahead = sql.sizes(tx, run_id, EVENTS)
    count = sizes.fitting([size for _, size in ahead], EVENTS)
    return sql.since(tx, run_id, ahead[count - 1][0], count) if count else []
