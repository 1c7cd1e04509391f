"""What the drivers do alone, in this run and on this disk: the limit that our figures are a share of.

One table with rows about as wide as a run's, changed a hundred at a time, each hundred in a durable transaction. No
journal, no attempts, no leases, no HTTP: nothing could be quicker on top of these drivers without being less durable.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import apsw
import psycopg
import uuid_utils

from bench.databases import Database

HUNDRED = 100
ROWS = 20_000
WIDE = "x" * 450

TABLE = """CREATE TABLE work (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, rank BIGINT NOT NULL, queue TEXT NOT NULL, payload TEXT NOT NULL,
    filler TEXT NOT NULL, lease TEXT, until BIGINT, output TEXT)"""
READY = "CREATE INDEX work_ready ON work (rank, id) WHERE state = 'queued'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Rows a second through bare statements."""

    inserts: float
    drains: float
    """Rows changed twice, as a claim and a completion would."""


def measure(database: Database, rows: int = ROWS) -> Raw:
    """The limit on this engine."""
    return _sqlite(database, rows) if database.dsn is None else _postgres(database.dsn, rows)


def _hundreds(rows: int) -> list[list[str]]:
    ids = [str(uuid_utils.uuid7()) for _ in range(rows)]
    return [ids[start : start + HUNDRED] for start in range(0, rows, HUNDRED)]


def _rate(rows: int, work: Callable[[Sequence[str]], None], hundreds: Sequence[Sequence[str]]) -> float:
    began = time.perf_counter()
    for hundred in hundreds:
        work(hundred)
    return rows / (time.perf_counter() - began)


def _sqlite(database: Database, rows: int) -> Raw:
    with closing(apsw.Connection(str(database.folder / "raw.db"))) as file:
        for text in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", TABLE, READY):
            file.execute(text)

        def transaction(text: str, values: list[tuple[str | int, ...]]) -> None:
            file.execute("BEGIN IMMEDIATE")
            file.executemany(text, values)
            file.execute("COMMIT")

        def insert(ids: Sequence[str]) -> None:
            text = "INSERT INTO work VALUES (?, 'queued', 0, 'default', '{}', ?, NULL, NULL, NULL)"
            transaction(text, [(one, WIDE) for one in ids])

        def drain(ids: Sequence[str]) -> None:
            claim = "UPDATE work SET state = 'claimed', lease = ?, until = ? WHERE id = ?"
            transaction(claim, [("t" * 64, 1, one) for one in ids])
            complete = "UPDATE work SET state = 'completed', until = NULL, output = ? WHERE id = ?"
            transaction(complete, [('{"ok":true}', one) for one in ids])

        hundreds = _hundreds(rows)
        return Raw(inserts=_rate(rows, insert, hundreds), drains=_rate(rows, drain, hundreds))


def _postgres(dsn: str, rows: int) -> Raw:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.prepare_threshold = 2
        connection.execute(TABLE)
        connection.execute(READY)
        connection.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off")

        def insert(ids: Sequence[str]) -> None:
            text = (
                "INSERT INTO work (id, state, rank, queue, payload, filler) "
                "SELECT id, 'queued', 0, 'default', '{}', %s FROM unnest(%s::text[]) AS id"
            )
            connection.execute(text, (WIDE, list(ids)))

        def drain(ids: Sequence[str]) -> None:
            claim = "UPDATE work SET state = 'claimed', lease = %s, until = 1 WHERE id = ANY(%s::text[])"
            connection.execute(claim, ("t" * 64, list(ids)))
            complete = "UPDATE work SET state = 'completed', until = NULL, output = %s WHERE id = ANY(%s::text[])"
            connection.execute(complete, ('{"ok":true}', list(ids)))

        hundreds = _hundreds(rows)
        raw = Raw(inserts=_rate(rows, insert, hundreds), drains=_rate(rows, drain, hundreds))
        connection.execute("DROP TABLE work")
        return raw
