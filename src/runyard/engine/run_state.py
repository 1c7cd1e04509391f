"""Small values kept with a run across its attempts. Changes are not journalled: they may be many."""

from __future__ import annotations

from runyard.domain.errors import Conflict, NotFound, TooLarge
from runyard.domain.records import Json
from runyard.domain.slices import Slice
from runyard.domain.traces import StateEntry
from runyard.engine import fences, runs, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import Tx
from runyard.storage.statements import run_state as sql

VALUE = 64 << 10
MOST = 10_000
WHOLE = 32 << 20
"""How much is answered at once."""


def put(tx: Tx, writer: Writer, name: str, value: Json) -> StateEntry:
    """Set a value, in the place of an older one. Raises `LeaseLost`, `Conflict`, `Invalid`, `TooLarge`."""
    sizes.plain("the key", name, longest=256, shortest=1)
    sizes.within(VALUE, "the value", value)
    run = fences.open_for(tx, writer)
    if sql.get(tx, run.id, name) is None and sql.count(tx, run.id) >= MOST:
        raise Conflict(f"the run keeps {MOST} values already; delete some first")
    entry = StateEntry(run_id=run.id, name=name, value=value, updated_at=tx.now)
    sql.put(tx, entry)
    return entry


def get(tx: Tx, project_id: int, run_id: str, name: str) -> StateEntry:
    """One value. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    found = None if "\0" in name else sql.get(tx, run_id, name)
    if found is None:
        raise NotFound(f"the run keeps no value under {name!r}")
    return found


def delete(tx: Tx, writer: Writer, name: str) -> None:
    """Remove a value. Raises `NotFound`, `LeaseLost` or `Conflict`."""
    if not discard(tx, writer, name):
        raise NotFound(f"the run keeps no value under {name!r}")


def discard(tx: Tx, writer: Writer, name: str) -> bool:
    """Remove a value if it is there; whether it was. Raises `LeaseLost` or `Conflict`."""
    run = fences.open_for(tx, writer)
    if "\0" in name or sql.get(tx, run.id, name) is None:
        return False
    return sql.drop(tx, run.id, name)


def of_run(tx: Tx, project_id: int, run_id: str, *, after: str = "", limit: int = 50) -> Slice[StateEntry, str]:
    """The run's values by key. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    rows = sql.of_run(tx, run_id, after=after, n=limit + 1)
    return Slice(rows=rows[:limit], more=rows[limit - 1].name if len(rows) > limit else None)


def whole(tx: Tx, project_id: int, run_id: str) -> list[StateEntry]:
    """All of the run's values by key. Raises `NotFound`, and `TooLarge` when they are too much for one answer."""
    runs.find(tx, project_id, run_id)
    size = sql.size(tx, run_id)
    if size > WHOLE:
        raise TooLarge(f"the run keeps {size} characters of values; above {WHOLE} they are read one by one")
    return sql.of_run(tx, run_id, after="", n=MOST)
