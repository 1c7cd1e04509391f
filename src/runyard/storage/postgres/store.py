"""The store in PostgreSQL: a pool of readers, two writers, and a listener."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from runyard.storage import migrate
from runyard.storage.committer import Committer
from runyard.storage.port import Observe, Row, Tx
from runyard.storage.postgres.connections import configure_reader, connect, is_broken, translated, unreachable
from runyard.storage.postgres.listening import Listening
from runyard.storage.postgres.transaction import PostgresBackend, PostgresTx
from runyard.storage.threaded import ThreadedStore

P = ParamSpec("P")
R = TypeVar("R")

COMMITTERS = 2
"""Two writers hide each other's round trips; more do not scale."""
READERS = 4
PATIENCE, PATIENCE_WHILE_AWAY = 5.0, 0.1
"""Seconds that a read waits for a connection, and as long as the last one waited in vain.

Else those that come while the database is away would wait behind each other, each as long as the first.
"""


class PostgresStore(ThreadedStore):
    """A store in a PostgreSQL database shared by any number of servers."""

    engine = "postgres"
    raises = (psycopg.Error, PoolTimeout, UnicodeEncodeError)

    def __init__(
        self,
        dsn: str,
        *,
        clock: Callable[[], int],
        observe: Observe | None = None,
        ageing: bool = False,
    ) -> None:
        super().__init__(clock=clock, readers=READERS, ageing=ageing)
        self.dsn = dsn
        try:
            with connect(dsn, writer=False) as setup:
                migrate.run_postgres(setup, clock())
        except psycopg.OperationalError as error:
            raise unreachable(error) from None
        self._is_away = False
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            dsn,
            min_size=1,
            max_size=READERS,
            open=True,
            timeout=PATIENCE,
            reconnect_timeout=1,
            configure=configure_reader,
            kwargs={"application_name": "runyard", "connect_timeout": 5},
            name="readers",
        )
        # Whoever commits publishes through NOTIFY alone, so that every server hears every commit exactly once.
        self.committers = [
            Committer(
                PostgresBackend(dsn, clock, self.known),
                self.waiting,
                _silent,
                name=f"committer-{number}",
                observe=observe,
            )
            for number in range(COMMITTERS)
        ]
        self._listening = Listening(dsn, self.publisher)

    def look_now(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return self._looked(op, *args, **kwargs)
        except (PoolTimeout, UnicodeEncodeError) as error:
            # Before the other errors of the driver: a time-out is one of those that look like a broken connection.
            raise translated(error) from error
        except psycopg.Error as error:
            if not is_broken(error):
                raise translated(error) from error
        # A restart of PostgreSQL breaks all connections at once; found broken one by one, each costs a longer wait.
        self._pool.check()
        try:
            return self._looked(op, *args, **kwargs)
        except self.raises as error:
            raise translated(error) from error

    def _looked(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        patience = PATIENCE_WHILE_AWAY if self._is_away else PATIENCE
        try:
            with self._pool.connection(timeout=patience) as connection:
                self._is_away = False
                try:
                    return op(PostgresTx(connection, self.now(), self.known), *args, **kwargs)
                except psycopg.Error:
                    # Statements that were to be prepared behind one that failed were not: psycopg knows nothing of it.
                    connection.close()
                    raise
        except PoolTimeout:
            self._is_away = True
            raise

    def translated(self, error: Exception) -> Exception:
        return translated(error)

    def join(self) -> bool:
        return self._listening.join()

    def release(self) -> None:
        self._listening.stop()
        self._pool.close()


def _silent(topics: frozenset[str]) -> None:
    """Committed topics are heard again from PostgreSQL."""
