"""The SQL of statements that take many rows, which travel as one array a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from runyard.storage import journal
from runyard.storage.port import Insert, Row, Update

CHANNEL = "runyard"
NOTIFY = f"SELECT pg_notify('{CHANNEL}', topics) FROM json_array_elements_text(%(payloads)s::json) AS topics"
_BASE = "base AS (UPDATE counters SET value = value + %(n)s WHERE name = 'seq' RETURNING value - %(n)s AS seq)"
INTO = {"events": journal.EVENTS, "logs": journal.LOGS, "chunks": journal.CHUNKS, "tasks": journal.TASKS}


MANY = 64
"""Of so many rows a column that says the same of all travels as one value. Fewer rows would be too many statements."""
Alike = frozenset[int]
"""The places of such columns."""
NONE_ALIKE: Alike = frozenset()


@cache
def insert_text(statement: Insert, alike: Alike = NONE_ALIKE) -> str:
    """Insert rows."""
    names = ", ".join(statement.columns)
    source = f"SELECT {names} FROM {_rows(statement.columns, alike)}"
    return f"INSERT INTO {statement.table} ({names}) {source} {statement.conflict}"


@cache
def update_text(statement: Update, alike: Alike = NONE_ALIKE) -> str:
    """Update rows by key."""
    sets = ", ".join(f"{name} = r.{name}" for name in statement.columns)
    keys = " AND ".join(f"t.{name} = r.{name}" for name in statement.keys)
    return f"UPDATE {statement.table} t SET {sets} FROM {_rows(statement.columns | statement.keys, alike)} WHERE {keys}"


@cache
def flush_text(kinds: tuple[tuple[str, Alike], ...]) -> str:
    """The whole of `journal.flush`, and the wake-ups, in one round trip; answers the number before the first."""
    written = [f"new_{kind} AS ({_appending(INTO[kind], kind, alike)})" for kind, alike in kinds]
    told = NOTIFY.replace("SELECT ", "SELECT (SELECT seq FROM base), ", 1)
    return f"WITH {', '.join([_BASE, *written])} {told}"


def _appending(statement: Insert, kind: str, alike: Alike) -> str:
    names = ", ".join(statement.columns)
    taken = ", ".join("base.seq + r.seq" if name == "seq" else f"r.{name}" for name in statement.columns)
    return f"INSERT INTO {statement.table} ({names}) SELECT {taken} FROM base, {_rows(statement.columns, alike, kind)}"


def _rows(types: Mapping[str, str], alike: Alike, kind: str = "") -> str:
    arrays, names, same = [], [], []
    for place, (name, type_) in enumerate(types.items()):
        if place in alike:
            same.append(f"%({kind}{place})s::{type_} AS {name}")
        else:
            arrays.append(f"%({kind}{place})s::{type_}[]")
            names.append(name)
    unnested = f"unnest({', '.join(arrays)})"
    if not same:
        return f"{unnested} AS r({', '.join(names)})"
    return f"(SELECT {', '.join(same)}, u.* FROM {unnested} AS u({', '.join(names)})) AS r"


def which_are_alike(columns: Sequence[Row]) -> Alike:
    """The places of columns that travel as one value."""
    number = len(columns[0])
    if number < MANY:
        return NONE_ALIKE
    found = frozenset(place for place, values in enumerate(columns) if values.count(values[0]) == number)
    return found if len(found) < len(columns) else NONE_ALIKE


def as_parameters(columns: Sequence[Row], alike: Alike, kind: str = "") -> dict[str, Any]:
    """The columns as parameters of such statements."""
    return {f"{kind}{place}": values[0] if place in alike else list(values) for place, values in enumerate(columns)}
