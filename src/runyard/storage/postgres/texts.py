"""The SQL of statements that take many rows, which travel as one array a column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from runyard.storage import journal
from runyard.storage.port import Insert, Update, Value

CHANNEL = "runyard"
NOTIFY = f"SELECT pg_notify('{CHANNEL}', topics) FROM json_array_elements_text(%(payloads)s::json) AS topics"
_BASE = "base AS (UPDATE counters SET value = value + %(n)s WHERE name = 'seq' RETURNING value - %(n)s AS seq)"
INTO = {"events": journal.EVENTS, "logs": journal.LOGS, "chunks": journal.CHUNKS, "tasks": journal.TASKS}


@cache
def insert_text(statement: Insert) -> str:
    """Insert rows."""
    names = ", ".join(statement.columns)
    return (
        f"INSERT INTO {statement.table} ({names}) SELECT {names} FROM {_rows(statement.columns)} {statement.conflict}"
    )


@cache
def update_text(statement: Update) -> str:
    """Update rows by key."""
    sets = ", ".join(f"{name} = r.{name}" for name in statement.columns)
    keys = " AND ".join(f"t.{name} = r.{name}" for name in statement.keys)
    return f"UPDATE {statement.table} t SET {sets} FROM {_rows(statement.columns | statement.keys)} WHERE {keys}"


@cache
def flush_text(kinds: tuple[str, ...]) -> str:
    """The whole of `journal.flush`, and the wake-ups, in one round trip; answers the number before the first."""
    written = [f"new_{kind} AS ({_appending(INTO[kind], kind)})" for kind in kinds]
    told = NOTIFY.replace("SELECT ", "SELECT (SELECT seq FROM base), ", 1)
    return f"WITH {', '.join([_BASE, *written])} {told}"


def _appending(statement: Insert, kind: str) -> str:
    names = ", ".join(statement.columns)
    taken = ", ".join("base.seq + r.seq" if name == "seq" else f"r.{name}" for name in statement.columns)
    return f"INSERT INTO {statement.table} ({names}) SELECT {taken} FROM base, {_rows(statement.columns, kind)}"


def _rows(types: Mapping[str, str], kind: str = "") -> str:
    arrays = ", ".join(f"%({kind}{place})s::{type_}[]" for place, type_ in enumerate(types.values()))
    return f"unnest({arrays}) AS r({', '.join(types)})"


def as_arrays(columns: Iterable[Sequence[Value]], kind: str = "") -> dict[str, list[Value]]:
    """The columns as parameters of such statements."""
    return {f"{kind}{place}": list(values) for place, values in enumerate(columns)}
