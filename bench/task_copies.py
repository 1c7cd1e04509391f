"""Tasks by the hundred thousand: those the engine made, with their runs, records and sums, multiplied in the database.

Copies stand where their originals do: of the same time, owner, channel and lane. Only their ids are others.
"""

from __future__ import annotations

from bench.databases import Database
from bench.fill import HEX, NUMBERS, QUICK, columns, without_indexes
from runyard.domain.inbox import TRIAGE_SUMS
from runyard.domain.task_sums import RUN_SUMS, TASK_SUMS

IDS = {
    "tasks": ("id", "root_id", "open_run_id", "last_run_id"),
    "task_runs": ("run_id", "task_id", "session_id"),
    "runs": ("id", "task_id"),
    "attempts": ("run_id",),
    "sessions": ("id",),
    "task_texts": ("task_id",),
    "triage": ("task_id",),
    "task_events": ("id", "root_id", "task_id", "run_id"),
}
"""The tables that are multiplied, and what in them is another's in each copy."""
SUMS = {"task_sums": TASK_SUMS, "task_run_sums": RUN_SUMS, "triage_sums": TRIAGE_SUMS}
TABLES = (*IDS, *SUMS)


def multiply(database: Database, times: int) -> None:
    """Make so many (at most 16) of each task without parent; no server may be on the database."""
    engine = database.engine
    with without_indexes(database, *IDS):
        (lines,) = database.execute("SELECT value FROM counters WHERE name = 'seq'")[0]
        span = NUMBERS[engine].format(first=1, last=times - 1)
        copies = [_copy(database, table, ids, span, lines) for table, ids in IDS.items()]
        database.execute(QUICK[engine], *copies)
    database.execute(
        f"UPDATE counters SET value = value * {times} WHERE name = 'seq'",
        *(
            f"UPDATE {table} SET {', '.join(f'{name} = {name} * {times}' for name in names)}"
            for table, names in SUMS.items()
        ),
    )


def _copy(database: Database, table: str, ids: tuple[str, ...], span: str, lines: int) -> str:
    # The first digit of the time is 0 in every id that the engine makes now.
    digit = f"substr({HEX[database.engine].format('i')}, 12)"
    other = {name: f"{digit} || substr({name}, 2)" for name in ids}
    if table == "tasks":
        other["path"] = f"'/' || {other['id']}"
    if table == "task_events":
        other["seq"] = f"seq + i * {lines}"
    names = columns(database, table)
    values = ", ".join(other.get(name, name) for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} AS originals, {span} AS numbers"
