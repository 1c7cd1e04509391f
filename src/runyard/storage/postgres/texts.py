"""The SQL of statements that take many rows, which travel as one JSON parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import msgspec

from runyard.storage import journal
from runyard.storage.port import Insert, Row, Update

CHANNEL = "runyard"
NOTIFY = f"SELECT pg_notify('{CHANNEL}', topics) FROM json_array_elements_text(%(payloads)s::json) AS topics"
_BASE = "base AS (UPDATE counters SET value = value + %(n)s WHERE name = 'seq' RETURNING value - %(n)s AS seq)"
INTO = {"events": journal.EVENTS, "logs": journal.LOGS, "chunks": journal.CHUNKS, "tasks": journal.TASKS}


@cache
def insert_text(statement: Insert) -> str:
    """Insert rows."""
    names = ", ".join(statement.columns)
    types = ", ".join(f"{name} {kind}" for name, kind in statement.columns.items())
    return (
        f"INSERT INTO {statement.table} ({names}) "
        f"SELECT {names} FROM json_to_recordset(%(rows)s::json) AS r({types}) {statement.conflict}"
    )


@cache
def update_text(statement: Update) -> str:
    """Update rows by key."""
    sets = ", ".join(f"{name} = r.{name}" for name in statement.columns)
    types = ", ".join(f"{name} {kind}" for name, kind in (statement.columns | statement.keys).items())
    keys = " AND ".join(f"t.{name} = r.{name}" for name in statement.keys)
    return f"UPDATE {statement.table} t SET {sets} FROM json_to_recordset(%(rows)s::json) AS r({types}) WHERE {keys}"


@cache
def flush_text(kinds: tuple[str, ...]) -> str:
    """The whole of `journal.flush`, and the wake-ups, in one round trip; answers the number before the first."""
    written = [f"new_{kind} AS ({_appending(INTO[kind], kind)})" for kind in kinds]
    told = NOTIFY.replace("SELECT ", "SELECT (SELECT seq FROM base), ", 1)
    return f"WITH {', '.join([_BASE, *written])} {told}"


def _appending(statement: Insert, rows: str) -> str:
    names = ", ".join(statement.columns)
    taken = ", ".join("base.seq + r.seq" if name == "seq" else f"r.{name}" for name in statement.columns)
    types = ", ".join(f"{name} {kind}" for name, kind in statement.columns.items())
    return (
        f"INSERT INTO {statement.table} ({names}) "
        f"SELECT {taken} FROM base, json_to_recordset(%({rows})s::json) AS r({types})"
    )


def as_json(names: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows as such a parameter."""
    return msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows]).decode()
