"""Named results of a run, beside the one output it completes with."""

from __future__ import annotations

from functools import partial

import msgspec

from runyard.domain.errors import Conflict, NotFound
from runyard.domain.records import Json
from runyard.domain.slices import Slice
from runyard.domain.traces import Output
from runyard.engine import fences, runs, schemas, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import Tx
from runyard.storage.statements import outputs as sql

SCHEMA = 64 << 10
MOST = 1000


class NewOutput(msgspec.Struct, frozen=True, kw_only=True):
    """A value to set under a name; checked against the schema when one is given."""

    name: str
    value: Json
    schema: Json | None = None


def put(tx: Tx, writer: Writer, new: NewOutput) -> Output:
    """Set an output, in the place of an older one. Raises `LeaseLost`, `Conflict`, `TooLarge`, `PayloadMismatch`."""
    sizes.plain("the output's name", new.name, longest=256, shortest=1)
    sizes.within(sizes.DOCUMENT, "the output", new.value)
    sizes.within(SCHEMA, "the schema", new.schema)
    if new.schema is not None:
        problems = schemas.check(new.schema, new.value)
        if problems:
            raise schemas.mismatch("the output does not match the schema that came with it", problems)
    run = fences.open_for(tx, writer)
    if sql.get(tx, run.id, new.name) is None and sql.count(tx, run.id) >= MOST:
        raise Conflict(f"the run has {MOST} outputs already; set one of them again")
    made = Output(run_id=run.id, name=new.name, value=new.value, schema=new.schema, at=tx.now)
    sql.put(tx, made)
    fences.journal(tx, run, "run.output_set", writer.actor, {"key": made.name, "size": len(made.value)})
    return made


def get(tx: Tx, project_id: int, run_id: str, name: str) -> Output:
    """One output. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    found = None if "\0" in name else sql.get(tx, run_id, name)
    if found is None:
        raise NotFound(f"the run has no output {name!r}")
    return found


def of_run(tx: Tx, project_id: int, run_id: str, *, after: str = "", limit: int = 50) -> Slice[Output, str]:
    """The run's outputs by name. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    ahead = sql.sizes(tx, run_id, after, limit + 1)
    return sizes.sliced(ahead, limit, partial(sql.between, tx, run_id))


def names(tx: Tx, project_id: int, run_id: str) -> list[tuple[str, int]]:
    """The names of all outputs of the run with the times they were set at, by name. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    return sql.names(tx, run_id)
