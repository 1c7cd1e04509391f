"""PostgreSQL: any number of servers on one database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
import psycopg
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool, PoolTimeout

from runyard.domain.errors import Conflict, Invalid, Unavailable
from runyard.storage import journal, migrate, tallies
from runyard.storage.committer import Committer
from runyard.storage.port import UNKEEPABLE, Insert, Observe, Row, Tx, Update, Value
from runyard.storage.sql import for_postgres
from runyard.storage.threaded import ThreadedStore

P = ParamSpec("P")
R = TypeVar("R")

COMMITTERS = 2
"""Two writers hide each other's round trips; more do not scale (STACK §3)."""
READERS = 4
CHANNEL = "runyard"
NOTIFY_BYTES = 7900
"""PostgreSQL refuses payloads of 8000 bytes and more."""

_text = cache(for_postgres)


@cache
def _insert_text(statement: Insert) -> str:
    names = ", ".join(statement.columns)
    types = ", ".join(f"{name} {kind}" for name, kind in statement.columns.items())
    return (
        f"INSERT INTO {statement.table} ({names}) "
        f"SELECT {names} FROM json_to_recordset(%(rows)s::json) AS r({types}) {statement.conflict}"
    )


@cache
def _update_text(statement: Update) -> str:
    sets = ", ".join(f"{name} = r.{name}" for name in statement.columns)
    types = ", ".join(f"{name} {kind}" for name, kind in (statement.columns | statement.keys).items())
    keys = " AND ".join(f"t.{name} = r.{name}" for name in statement.keys)
    return f"UPDATE {statement.table} t SET {sets} FROM json_to_recordset(%(rows)s::json) AS r({types}) WHERE {keys}"


def _as_json(names: Sequence[str], rows: Sequence[Row]) -> str:
    return msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows]).decode()


def _appending(statement: Insert, rows: str) -> str:
    names = ", ".join(statement.columns)
    taken = ", ".join("base.seq + r.seq" if name == "seq" else f"r.{name}" for name in statement.columns)
    types = ", ".join(f"{name} {kind}" for name, kind in statement.columns.items())
    return (
        f"INSERT INTO {statement.table} ({names}) "
        f"SELECT {taken} FROM base, json_to_recordset(%({rows})s::json) AS r({types})"
    )


_NOTIFY = f"SELECT pg_notify('{CHANNEL}', topics) FROM json_array_elements_text(%(payloads)s::json) AS topics"
_BASE = "base AS (UPDATE counters SET value = value + %(n)s WHERE name = 'seq' RETURNING value - %(n)s AS seq)"
_INTO = {"events": journal.EVENTS, "logs": journal.LOGS, "chunks": journal.CHUNKS}


@cache
def _flush_text(kinds: tuple[str, ...]) -> str:
    """The whole of `journal.flush`, and the wake-ups, in one round trip; answers the number before the first."""
    written = [f"new_{kind} AS ({_appending(_INTO[kind], kind)})" for kind in kinds]
    told = _NOTIFY.replace("SELECT ", "SELECT (SELECT seq FROM base), ", 1)
    return f"WITH {', '.join([_BASE, *written])} {told}"


class PostgresTx(Tx):
    """A transaction on one connection; many rows travel as one JSON parameter."""

    # Merging the seventeen indexes of the states costs PostgreSQL more than SQLite, and one more index less.
    indexes_projects = True

    def __init__(self, connection: psycopg.Connection[Row], now: int, known: dict[Any, Any]) -> None:
        super().__init__(now, known)
        self.connection = connection

    def rows(self, sql: str, /, **params: Value) -> list[Row]:
        cursor = self.connection.execute(_text(sql), params)
        return cursor.fetchall()

    def run(self, sql: str, /, **params: Value) -> int:
        self.wrote = True
        return self.connection.execute(_text(sql), params).rowcount

    def insert(self, statement: Insert, rows: Sequence[Row]) -> int:
        return self._set(_insert_text(statement), list(statement.columns), rows)

    def update(self, statement: Update, rows: Sequence[Row]) -> int:
        return self._set(_update_text(statement), [*statement.columns, *statement.keys], rows)

    def _set(self, text: str, names: list[str], rows: Sequence[Row]) -> int:
        self.wrote = True
        return self.connection.execute(text, {"rows": _as_json(names, rows)}).rowcount


# Statements go by index, or join a short list with big tables by key. On tables nobody has analysed yet the planner
# likes to scan or hash the big one; these make it use the index from the first second.
_BY_INDEX = ("SET enable_hashjoin = off", "SET enable_mergejoin = off", "SET enable_seqscan = off")


def _configure(connection: psycopg.Connection[Any]) -> None:
    # One width for every integer, so that a statement is prepared once and not once for each size of number.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.prepare_threshold = 2


def connect(dsn: str, *, writer: bool) -> psycopg.Connection[Row]:
    """Open a connection with the settings ours need."""
    connection: psycopg.Connection[Row] = psycopg.connect(
        dsn, autocommit=True, application_name="runyard", connect_timeout=5
    )
    _configure(connection)
    connection.execute("SET TIME ZONE 'UTC'")
    if writer:
        for switch in _BY_INDEX:
            connection.execute(switch)
        connection.execute("SET synchronous_commit = on")
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
    return connection


def applied(dsn: str) -> dict[int, str]:
    """The migrations that ran in the database, with their checksums. Raises `Unavailable`."""
    try:
        with connect(dsn, writer=False) as connection:
            return dict(connection.execute("SELECT number, checksum FROM schema_versions").fetchall())
    except psycopg.errors.UndefinedTable:
        return {}
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {str(error).strip().splitlines()[0]}") from None


class PostgresBackend:
    """A writing connection, opened again after it broke. No savepoints: they triple the round trips."""

    isolates = False

    def __init__(self, dsn: str, clock: Callable[[], int], known: dict[Any, Any]) -> None:
        self.dsn = dsn
        self.clock = clock
        self.known = known
        self.connection: psycopg.Connection[Row] | None = None

    def begin(self) -> Tx:
        if self.connection is None or self.connection.closed:
            self.connection = connect(self.dsn, writer=True)
        self.connection.execute("BEGIN")
        return PostgresTx(self.connection, self.clock(), self.known)

    def save(self, tx: Tx) -> object:
        return None

    def undo(self, tx: Tx, mark: object) -> None:
        raise NotImplementedError

    def commit(self, tx: Tx) -> None:
        assert self.connection is not None
        tallies.flush(tx)
        payloads = msgspec.json.encode(_payloads(tx.topics)).decode()
        if tx.journal:
            rows = {kind: found for kind, found in journal.numbered(tx, 1)._asdict().items() if found}
            texts = {kind: _as_json(list(_INTO[kind].columns), found) for kind, found in rows.items()}
            given = {"n": len(tx.journal), "payloads": payloads, **texts}
            told = self.connection.execute(_flush_text(tuple(rows)), given).fetchone()
            journal.settle(tx, (told[0] if told else 0) + 1)
        elif tx.topics:
            self.connection.execute(_NOTIFY, {"payloads": payloads})
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        if self.connection is None:
            return
        try:
            if not self.connection.closed and self.connection.info.transaction_status != 0:
                self.connection.execute("ROLLBACK")
        except psycopg.Error:
            self.connection.close()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def is_broken(self, error: Exception) -> bool:
        return _is_broken(error)


def _is_broken(error: Exception) -> bool:
    """The connection or the server went away, or is not there yet."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = getattr(error, "sqlstate", None) or ""
    return state == "" or state[:2] in {"08", "57", "53", "58", "25"}


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


class Listening:
    """A connection that hears every server's commits, and says `*` (anything may have changed) after a break."""

    def __init__(self, dsn: str, publish: Callable[[frozenset[str]], None]) -> None:
        self.dsn = dsn
        self.publish = publish
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, name="postgres-listen", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while not self.stopping.is_set():
            try:
                with connect(self.dsn, writer=False) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self.publish(frozenset({"*"}))
                    while not self.stopping.is_set():
                        for notice in connection.notifies(timeout=1.0):
                            if self.stopping.is_set():
                                return
                            if notice.payload:
                                self.publish(frozenset(notice.payload.split(",")))
            except psycopg.Error:
                self.stopping.wait(0.5)

    def stop(self) -> None:
        """Stop listening: at once when the server can be told, else within about a second."""
        self.stopping.set()
        with suppress(psycopg.Error), connect(self.dsn, writer=False) as connection:
            # Any notification ends the listener's wait; an empty one says nothing to the other servers.
            connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        self.thread.join(timeout=5)


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
            raise Unavailable(f"PostgreSQL cannot be reached: {str(error).strip().splitlines()[0]}") from None
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            dsn,
            min_size=1,
            max_size=READERS,
            open=True,
            timeout=5,
            reconnect_timeout=1,
            configure=_configure_reader,
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
        except psycopg.Error as error:
            if not _is_broken(error):
                raise _translated(error) from error
        except (PoolTimeout, UnicodeEncodeError) as error:
            raise _translated(error) from error
        # A restart of PostgreSQL breaks all connections at once; found broken one by one, each costs a longer wait.
        self._pool.check()
        try:
            return self._looked(op, *args, **kwargs)
        except self.raises as error:
            raise _translated(error) from error

    def _looked(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._pool.connection() as connection:
            return op(PostgresTx(connection, self.now(), self.known), *args, **kwargs)

    def translated(self, error: Exception) -> Exception:
        return _translated(error)

    def release(self) -> None:
        self._listening.stop()
        self._pool.close()


def _configure_reader(connection: psycopg.Connection[Any]) -> None:
    _configure(connection)
    for switch in _BY_INDEX:
        connection.execute(switch)
    connection.commit()
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ


def _silent(topics: frozenset[str]) -> None:
    """Committed topics are heard again from PostgreSQL."""


def _translated(error: Exception) -> Exception:
    if isinstance(error, PoolTimeout | psycopg.OperationalError | psycopg.InterfaceError):
        return Unavailable("the database cannot be reached; try again in a second")
    if isinstance(error, psycopg.DataError | UnicodeEncodeError):
        return Invalid(UNKEEPABLE)
    if isinstance(error, psycopg.errors.UniqueViolation):
        return Conflict("something with this name or key exists already")
    return error
