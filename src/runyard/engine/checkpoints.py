"""Checkpoints: state an executor can resume from, numbered within the run."""

from __future__ import annotations

import msgspec

from runyard.domain.errors import NotFound
from runyard.domain.records import Json
from runyard.domain.slices import Slice
from runyard.domain.traces import Checkpoint
from runyard.engine import fences, runs, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import Tx
from runyard.storage.statements import checkpoints as sql

HIGHEST = 2**63 - 1


class NewCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """State to keep."""

    state: Json
    label: str | None = None


def add(tx: Tx, writer: Writer, new: NewCheckpoint) -> Checkpoint:
    """Keep a checkpoint under the run's next number. Raises `LeaseLost`, `Conflict`, `TooLarge`."""
    sizes.within(sizes.DOCUMENT, "the state of a checkpoint", new.state)
    sizes.plain("the label", new.label, longest=128)
    run = fences.open_for(tx, writer)
    made = Checkpoint(
        run_id=run.id,
        number=sql.last_number(tx, run.id) + 1,
        attempt=run.attempt,
        at=tx.now,
        label=new.label,
        state=new.state,
    )
    sql.add(tx, made)
    fences.journal(tx, run, "run.checkpointed", writer.actor, {"number": made.number, "label": made.label})
    return made


def get(tx: Tx, project_id: int, run_id: str, number: int) -> Checkpoint:
    """One checkpoint. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    found = sql.get(tx, run_id, number) if 0 < number <= HIGHEST else None
    if found is None:
        raise NotFound(f"the run has no checkpoint {number}")
    return found


def of_run(
    tx: Tx, project_id: int, run_id: str, *, before: int | None = None, until: int | None = None, limit: int = 50
) -> Slice[Checkpoint, int]:
    """The run's checkpoints, newest first: below a number, older than a time. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    start = HIGHEST if before is None else before
    ahead = sql.sizes(tx, run_id, start, HIGHEST if until is None else until, limit + 1)
    count = sizes.fitting([size for _, size in ahead], limit)
    if count == 0:
        return Slice(rows=[], more=None)
    last, first = ahead[0][0], ahead[count - 1][0]
    # Clocks are set back at times: of the numbers in between some may be younger than the time asked for.
    rows = [one for one in sql.between(tx, run_id, first, last) if until is None or one.at < until]
    return Slice(rows=rows, more=first if count < len(ahead) else None)
