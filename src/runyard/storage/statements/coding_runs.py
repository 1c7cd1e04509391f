"""SQL of what stands beside runs of coding tasks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.coding import CodingRun
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = CodingRun.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TEXTS = {"run_id", "task_id", "stage", "branch", "state", "sealed"}
_TYPES = {name: "text" if name in _TEXTS else "bigint" for name in FIELDS}
_CHANGED = ("sandboxed", "stage", "branch", "state", "sealed", "updated_at", "relayed", "streamed_at")

ADD = Insert("coding_runs", _TYPES)
GET = f"SELECT {COLUMNS} FROM coding_runs WHERE run_id {{among ids}}"
LOCK = f"SELECT {COLUMNS} FROM coding_runs WHERE run_id {{among ids}} ORDER BY run_id {{lock}}"
SAVE = Update("coding_runs", {name: _TYPES[name] for name in _CHANGED}, {"run_id": "text"})
# Newest first, by coding_runs_task.
PAGE = f"SELECT {COLUMNS} FROM coding_runs WHERE task_id = :task_id ORDER BY number DESC LIMIT :n OFFSET :skipped"
BEFORE = (
    f"SELECT {COLUMNS} FROM coding_runs WHERE task_id = :task_id AND number < :number ORDER BY number DESC LIMIT :n"
)
COUNT = "SELECT COUNT(*) FROM coding_runs WHERE task_id = :task_id"

FORGET_STREAM = "UPDATE coding_runs SET relayed = 0, ingested = 0, streamed_at = NULL WHERE run_id = :run_id"


def from_row(row: Row) -> CodingRun:
    """A row in the order of `FIELDS` as a record."""
    return CodingRun(*row)


def add(tx: Tx, rows: Sequence[CodingRun]) -> None:
    """Add rows."""
    tx.insert(ADD, [astuple(row) for row in rows])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, CodingRun]:
    """The rows of these runs, by run; runs that are of no coding task are absent."""
    return {row.run_id: row for row in map(from_row, tx.wide_rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, CodingRun]:
    """`get`, with the rows locked until the commit; their runs are locked before."""
    return {row.run_id: row for row in map(from_row, tx.wide_rows(LOCK, ids=list(ids)))} if ids else {}


def save(tx: Tx, rows: Sequence[CodingRun]) -> None:
    """Write rows that this transaction has locked; counters of logs and events have statements of their own."""
    tx.update(SAVE, [(*(getattr(row, name) for name in _CHANGED), row.run_id) for row in rows])


def forget_stream(tx: Tx, run_id: str) -> None:
    """Expect the events of another sandbox, from the first on."""
    tx.run(FORGET_STREAM, run_id=run_id)


def page(tx: Tx, task_id: str, *, skipped: int, n: int) -> list[CodingRun]:
    """The task's runs, newest first, from behind so many on."""
    return [from_row(row) for row in tx.wide_rows(PAGE, task_id=task_id, skipped=skipped, n=n)]


def before(tx: Tx, task_id: str, *, number: int, n: int) -> list[CodingRun]:
    """The task's runs below that attempt, newest first."""
    return [from_row(row) for row in tx.wide_rows(BEFORE, task_id=task_id, number=number, n=n)]


def count(tx: Tx, task_id: str) -> int:
    """How many runs the task has."""
    row = tx.row(COUNT, task_id=task_id)
    return int(row[0]) if row is not None else 0
