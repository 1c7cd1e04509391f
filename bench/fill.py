"""Millions of runs in a minute or two: rows that the engine wrote, multiplied by the database itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.databases import Database

CHUNK = 200_000
INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ({}) AND sql IS NOT NULL",
    "postgres": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ({}) "
    "AND schemaname = 'public' AND indexname NOT IN (SELECT conname FROM pg_constraint)",
}
COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_info('{}')",
    "postgres": "SELECT column_name FROM information_schema.columns WHERE table_name = '{}' "
    "AND table_schema = 'public' ORDER BY ordinal_position",
}
QUICK = {"sqlite": "PRAGMA synchronous = OFF", "postgres": "SET synchronous_commit = off"}
NUMBERS = {
    "sqlite": "(WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
    "SELECT i FROM n)",
    "postgres": "(SELECT i FROM generate_series({first}::bigint, {last}::bigint) AS n (i))",
}
HEX = {"sqlite": "printf('%012x', {})", "postgres": "lpad(to_hex({}), 12, '0')"}
SETTLE = {"sqlite": ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"], "postgres": ["VACUUM ANALYZE {}"]}


def multiply(database: Database, copies: dict[str, int]) -> None:
    """So many copies of each run with these ids, tags included; no server may be on the database."""
    engine = database.engine
    names = columns(database, "runs")
    milliseconds = int(time.time() * 1000) - 86_400_000
    with without_indexes(database, "runs", "run_tags"):
        for original, number in copies.items():
            for first in range(1, number + 1, CHUNK):
                span = NUMBERS[engine].format(first=first, last=min(first + CHUNK - 1, number))
                database.execute(*_copy(engine, names, original, span, milliseconds))
            milliseconds += number
    settle(database, "runs", "run_tags")


def columns(database: Database, table: str) -> list[str]:
    """The names of the table's columns."""
    return [row[0] for row in database.execute(COLUMNS[database.engine].format(table))]


@contextmanager
def without_indexes(database: Database, *tables: str) -> Iterator[None]:
    """The tables without their indexes, which are made again afterwards: for rows by the million."""
    indexes = database.execute(INDEXES[database.engine].format(", ".join(f"'{table}'" for table in tables)))
    database.execute(*(f"DROP INDEX {name}" for name, _ in indexes))
    yield
    database.execute(*(text for _, text in indexes))


def settle(database: Database, *tables: str) -> None:
    """Let the database know what it holds."""
    database.execute(*(text.format(", ".join(tables)) for text in SETTLE[database.engine]))


def _copy(engine: str, names: list[str], original: str, span: str, milliseconds: int) -> list[str]:
    moment, serial = HEX[engine].format(f"{milliseconds} + i"), HEX[engine].format("i")
    # A UUIDv7 of its own millisecond, so that copies stand in the order they were made in.
    fresh = f"substr({moment}, 1, 8) || '-' || substr({moment}, 9, 4) || '-7000-8000-' || {serial}"
    values = ", ".join({"id": fresh, "rank": "rank + i"}.get(name, name) for name in names)
    tag = "INSERT INTO run_tags (project_id, tag, value, run_id) SELECT project_id, tag, value"
    return [
        QUICK[engine],
        f"CREATE TEMP TABLE original AS SELECT * FROM runs WHERE id = '{original}'",
        f"CREATE TEMP TABLE tags AS SELECT * FROM run_tags WHERE run_id = '{original}'",
        f"INSERT INTO runs ({', '.join(names)}) SELECT {values} FROM original, {span} AS numbers",
        f"{tag}, {fresh} FROM tags, {span} AS numbers",
    ]
