"""SQL of the usage ledger."""

from __future__ import annotations

import msgspec

from runyard.domain.traces import Usage
from runyard.storage.port import Insert, Tx
from runyard.storage.sql import BEYOND, FOREVER

FIELDS = Usage.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TEXT = {"id", "run_id", "provider", "model", "source", "price"}
ADD = Insert("usage", {name: "text" if name in _TEXT else "bigint" for name in FIELDS}, "ON CONFLICT (id) DO NOTHING")
OF_RUN = f"SELECT {COLUMNS} FROM usage WHERE run_id = :run_id AND id > :after ORDER BY id LIMIT :n"
NEWEST = (
    f"SELECT {COLUMNS} FROM usage WHERE run_id = :run_id AND id < :before AND at < :until ORDER BY id DESC LIMIT :n"
)
_TOTALS = ("input_tokens", "output_tokens", "cost_micro_usd")
# Totals stop at what JSON numbers carry exactly; an absurd report must not overflow a column.
ADD_UP = (
    "UPDATE runs SET "
    + ", ".join(f"{name} = CASE WHEN {name} > :most - :{name} THEN :most ELSE {name} + :{name} END" for name in _TOTALS)
    + " WHERE id = :run_id"
)


def add(tx: Tx, line: Usage, *, most: int) -> bool:
    """Add a line, and add it up in its run's totals, none of which passes `most`; False when it is there already."""
    if tx.insert_counted(ADD, [msgspec.structs.astuple(line)]) == 0:
        return False
    totals = {name: getattr(line, name) for name in _TOTALS}
    tx.run(ADD_UP, run_id=line.run_id, most=most, **totals)
    return True


def of_run(tx: Tx, run_id: str, *, after: str, n: int) -> list[Usage]:
    """The run's lines, oldest first."""
    rows = tx.rows(OF_RUN, run_id=run_id, after=after, n=n)
    return [Usage(**dict(zip(FIELDS, row, strict=True))) for row in rows]


def newest(tx: Tx, run_id: str, *, before: str | None, until: int | None, n: int) -> list[Usage]:
    """The run's lines below an id and older than a time, newest first."""
    rows = tx.rows(NEWEST, run_id=run_id, before=before or BEYOND, until=FOREVER if until is None else until, n=n)
    return [Usage(**dict(zip(FIELDS, row, strict=True))) for row in rows]
