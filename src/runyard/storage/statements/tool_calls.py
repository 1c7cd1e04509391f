"""SQL of tool calls."""

from __future__ import annotations

import msgspec

from runyard.domain.traces import ToolCall
from runyard.storage.port import Insert, Tx
from runyard.storage.sql import BEYOND, FOREVER

FIELDS = ToolCall.__struct_fields__
COLUMNS = ", ".join(FIELDS)
ADD = Insert(
    "tool_calls",
    {name: "bigint" if name in {"project_id", "attempt", "at", "duration_ms"} else "text" for name in FIELDS},
)
SIZES = (
    "SELECT id, COALESCE(LENGTH(input), 0) + COALESCE(LENGTH(output), 0) FROM tool_calls "
    "WHERE run_id = :run_id AND id > :after ORDER BY id LIMIT :n"
)
NEWEST_SIZES = (
    "SELECT id, COALESCE(LENGTH(input), 0) + COALESCE(LENGTH(output), 0) FROM tool_calls "
    "WHERE run_id = :run_id AND id < :before AND at < :until ORDER BY id DESC LIMIT :n"
)
BETWEEN = f"SELECT {COLUMNS} FROM tool_calls WHERE run_id = :run_id AND id >= :first AND id <= :last ORDER BY id"


def add(tx: Tx, call: ToolCall) -> None:
    """Add a tool call."""
    tx.insert(ADD, [msgspec.structs.astuple(call)])


def sizes(tx: Tx, run_id: str, after: str, n: int) -> list[tuple[str, int]]:
    """(id, characters) of the run's tool calls after an id, oldest first."""
    return [(row[0], row[1]) for row in tx.rows(SIZES, run_id=run_id, after=after, n=n)]


def newest_sizes(tx: Tx, run_id: str, *, before: str | None, until: int | None, n: int) -> list[tuple[str, int]]:
    """(id, characters) of the run's tool calls below an id and older than a time, newest first."""
    key, time = before or BEYOND, FOREVER if until is None else until
    return [(row[0], row[1]) for row in tx.rows(NEWEST_SIZES, run_id=run_id, before=key, until=time, n=n)]


def between(tx: Tx, run_id: str, first: str, last: str) -> list[ToolCall]:
    """The tool calls from one id to another, oldest first."""
    rows = tx.rows(BETWEEN, run_id=run_id, first=first, last=last)
    return [ToolCall(**dict(zip(FIELDS, row, strict=True))) for row in rows]
