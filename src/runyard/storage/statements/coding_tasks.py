"""SQL of what stands beside coding tasks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.coding import CodingTask
from runyard.domain.states import RunState
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = CodingTask.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {
    "project_id",
    "number",
    "titled",
    "integration",
    "creator_number",
    "created_at",
    "updated_at",
    "deleted_at",
}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_STATE = FIELDS.index("latest_state")
_FIXED = {"task_id", "project_id", "number", "creator", "creator_number", "created_at"}
_MOVING = tuple(name for name in FIELDS if name not in _FIXED)
_STATES = {state.value: state for state in RunState}

ADD = Insert("coding_tasks", _TYPES)
NUMBER = (
    "INSERT INTO coding_numbers (project_id, next) VALUES (:project_id, 1) "
    "ON CONFLICT (project_id) DO UPDATE SET next = coding_numbers.next + 1 RETURNING next - 1"
)
GET = f"SELECT {COLUMNS} FROM coding_tasks WHERE task_id {{among ids}}"
LOCK = f"SELECT {COLUMNS} FROM coding_tasks WHERE task_id {{among ids}} ORDER BY task_id {{lock}}"
SAVE = Update("coding_tasks", {name: _TYPES[name] for name in _MOVING}, {"task_id": "text"})
LATEST = Update("coding_tasks", {"latest_state": "text"}, {"task_id": "text", "latest_run_id": "text"})


def from_row(row: Row) -> CodingTask:
    """A row in the order of `FIELDS` as a record."""
    values = list(row)
    values[_STATE] = _STATES[values[_STATE]] if values[_STATE] is not None else None
    return CodingTask(*values)


def next_number(tx: Tx, project_id: int) -> int:
    """The number of the project's next coding task, from 0."""
    row = tx.row(NUMBER, project_id=project_id)
    assert row is not None
    return int(row[0])


def add(tx: Tx, rows: Sequence[CodingTask]) -> None:
    """Add rows."""
    tx.insert(ADD, [astuple(row) for row in rows])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, CodingTask]:
    """The rows of these tasks, by task; tasks that are no coding tasks are absent."""
    return {row.task_id: row for row in map(from_row, tx.wide_rows(GET, ids=list(ids)))} if ids else {}


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, CodingTask]:
    """`get`, with the rows locked until the commit."""
    return {row.task_id: row for row in map(from_row, tx.wide_rows(LOCK, ids=list(ids)))} if ids else {}


def save(tx: Tx, row: CodingTask) -> None:
    """Write a row that this transaction has locked."""
    tx.update(SAVE, [(*(getattr(row, name) for name in _MOVING), row.task_id)])


def set_latest_state(tx: Tx, moved: Sequence[tuple[str, str, RunState]]) -> None:
    """Note how (task, run) stands now, where the run is the task's latest."""
    tx.update(LATEST, [(state.value, task_id, run_id) for task_id, run_id, state in moved])
