"""A transaction, and the writing connection that one committer makes its transactions on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from functools import cache
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg.pq import TransactionStatus

from runyard.storage import journal, tallies
from runyard.storage.port import Ask, Insert, Row, Tx, Update, Value
from runyard.storage.postgres.connections import connect, is_broken
from runyard.storage.postgres.texts import (
    NOTIFY,
    Alike,
    as_parameters,
    flush_text,
    insert_text,
    update_text,
    which_are_alike,
)
from runyard.storage.sql import for_postgres, is_query

S = TypeVar("S", Insert, Update)
NOTIFY_BYTES = 7900
"""PostgreSQL refuses payloads of 8000 bytes and more."""

_text = cache(for_postgres)


class PostgresTx(Tx):
    """A transaction on one connection; many rows travel as one array a column.

    That of a writer is in pipeline mode: PostgreSQL carries out what is written while we compute the rest.
    """

    # Merging the seventeen indexes of the states costs PostgreSQL more than SQLite, and one more index less.
    indexes_projects = True

    def __init__(
        self,
        connection: psycopg.Connection[Row],
        now: int,
        known: dict[Any, Any],
        pipeline: psycopg.Pipeline | None = None,
    ) -> None:
        super().__init__(now, known)
        self.connection = connection
        self.pipeline = pipeline

    def rows(self, sql: str, /, **params: Value) -> list[Row]:
        self.wrote = self.wrote or not is_query(sql)
        cursor = self.connection.execute(_text(sql), params)
        return cursor.fetchall()

    def wide_rows(self, sql: str, /, **params: Value) -> Sequence[Row]:
        # Most of these columns are numbers, which need not be written as digits and read again.
        return self.connection.execute(_text(sql), params, binary=True).fetchall()

    def together(self, asks: Sequence[Ask]) -> list[Sequence[Row]]:
        # In one round trip. On a busy machine each trip is a wait for a turn, which costs more than most queries do.
        if len(asks) < 2:
            return super().together(asks)
        with self.connection.pipeline() if self.pipeline is None else nullcontext():
            cursors = [self.connection.execute(_text(ask.sql), ask.params, binary=ask.wide) for ask in asks]
            return [cursor.fetchall() for cursor in cursors]

    def run(self, sql: str, /, **params: Value) -> int:
        touched = self._touched(self.connection.execute(_text(sql), params))
        self.wrote = self.wrote or touched != 0
        return touched

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        if rows:
            self._set(insert_text, statement, list(zip(*rows, strict=True)))

    def insert_counted(self, statement: Insert, rows: Sequence[Row]) -> int:
        return self._touched(self._set(insert_text, statement, list(zip(*rows, strict=True)))) if rows else 0

    def update_columns(self, statement: Update, columns: Sequence[Row]) -> None:
        self._set(update_text, statement, columns)

    def _set(self, text: Callable[[S, Alike], str], statement: S, columns: Sequence[Row]) -> psycopg.Cursor[Row]:
        self.wrote = True
        alike = which_are_alike(columns)
        return self.connection.execute(text(statement, alike), as_parameters(columns, alike))

    def _touched(self, cursor: psycopg.Cursor[Row]) -> int:
        if self.pipeline is not None:
            self.pipeline.sync()
        return cursor.rowcount


class PostgresBackend:
    """A writing connection, opened again after it broke. No savepoints: they triple the round trips."""

    isolates = False

    def __init__(self, dsn: str, clock: Callable[[], int], known: dict[Any, Any]) -> None:
        self.dsn = dsn
        self.clock = clock
        self.known = known
        self.connection: psycopg.Connection[Row] | None = None
        self._transaction = ExitStack()
        """Holds the pipeline of a transaction that has begun."""

    def begin(self) -> Tx:
        if self.connection is None or self.connection.closed:
            self.connection = connect(self.dsn, writer=True)
        pipeline = self._transaction.enter_context(self.connection.pipeline())
        self.connection.execute("BEGIN")
        return PostgresTx(self.connection, self.clock(), self.known, pipeline)

    def save(self, tx: Tx) -> object:
        return None

    def undo(self, tx: Tx, mark: object) -> None:
        raise NotImplementedError

    def commit(self, tx: Tx) -> None:
        assert self.connection is not None
        tallies.flush(tx)
        payloads = msgspec.json.encode(_payloads(tx.topics)).decode()
        if tx.journal:
            given: dict[str, Any] = {"n": len(tx.journal), "payloads": payloads}
            kinds = []
            for kind, rows in journal.numbered(tx, 1)._asdict().items():
                if rows:
                    columns = list(zip(*rows, strict=True))
                    kinds.append((kind, which_are_alike(columns)))
                    given |= as_parameters(columns, kinds[-1][1], kind)
            numbers = self.connection.execute(flush_text(tuple(kinds)), given)
            self.connection.execute("COMMIT")
            told = numbers.fetchone()
            journal.settle(tx, (told[0] if told else 0) + 1)
        else:
            if tx.topics:
                self.connection.execute(NOTIFY, {"payloads": payloads})
            self.connection.execute("COMMIT")
        self._transaction.close()

    def rollback(self) -> None:
        if self.connection is None:
            return
        # What was wrong has been said; all that was sent after it says that it was passed over.
        with suppress(psycopg.Error):
            self._transaction.close()
        try:
            if not self.connection.closed and self.connection.info.transaction_status is TransactionStatus.INTRANS:
                self.connection.execute("ROLLBACK")
        except psycopg.Error:
            self.connection.close()
        # Statements that were to be prepared behind one that failed were not, of which psycopg knows nothing.
        if not self.connection.closed and self.connection.info.transaction_status is not TransactionStatus.IDLE:
            self.connection.close()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def is_broken(self, error: Exception) -> bool:
        return is_broken(error)


def _payloads(topics: set[str]) -> list[str]:
    """The topics of a commit, joined into as few notifications as fit."""
    payloads: list[str] = []
    current: list[str] = []
    size = 0
    for topic in sorted(topics):
        if size + len(topic) + 1 > NOTIFY_BYTES and current:
            payloads.append(",".join(current))
            current, size = [], 0
        current.append(topic)
        size += len(topic) + 1
    if current:
        payloads.append(",".join(current))
    return payloads
