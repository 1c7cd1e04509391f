"""SQLite: one process, one file, one writer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache
from itertools import chain, count, islice, repeat
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw
import msgspec

from runyard.domain.errors import Conflict, Invalid, Unavailable
from runyard.storage import journal, migrate, tallies
from runyard.storage.committer import Committer
from runyard.storage.filelock import FileLock
from runyard.storage.port import UNKEEPABLE, Insert, Observe, Row, Tx, Update, Value
from runyard.storage.sql import for_sqlite, is_query
from runyard.storage.sqlite_file import Checkpoints, connect
from runyard.storage.threaded import ThreadedStore

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=msgspec.Struct)
READERS = 2
HANDFUL = 64
"""How many rows one INSERT or UPDATE may have."""
# Both say OR FAIL: a row that violates a constraint leaves those before it written, which is no matter since whoever
# called undoes the operation. To be able to undo the statement alone, SQLite would copy every page that it writes.

_text = cache(for_sqlite)
_sync = getattr(os, "fdatasync", os.fsync)
_unpack = msgspec.json.Decoder(list[tuple[str | int | None, ...]]).decode


@cache
def _reading(kind: type[S]) -> Callable[[str], list[S]]:
    return msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]


@cache
def _insert_text(statement: Insert, empty: frozenset[int], number: int) -> str:
    names = [name for place, name in enumerate(statement.columns) if place not in empty]
    row = f"({', '.join('?' * len(names))})"
    rows = ", ".join([row] * number)
    values = ", ".join(f"column{place}" for place in range(1, len(names) + 1))
    source = f"SELECT * FROM (VALUES {rows}) WHERE coalesce({values}, NULL) IS NOT NULL"
    return f"INSERT OR FAIL INTO {statement.table} ({', '.join(names)}) {source} {statement.conflict}"


@cache
def _update_text(statement: Update, empty: frozenset[int], number: int) -> str:
    places = count(1)
    sets = ", ".join(
        f"{name} = {'NULL' if place in empty else f'v.column{next(places)}'}"
        for place, name in enumerate(statement.columns)
    )
    keys = " AND ".join(f"{statement.table}.{name} = v.column{next(places)}" for name in statement.keys)
    row = f"({', '.join('?' * (next(places) - 1))})"
    return f"UPDATE OR FAIL {statement.table} SET {sets} FROM (VALUES {', '.join([row] * number)}) v WHERE {keys}"


@cache
def _packing(sql: str) -> str:
    columns, _, _ = sql.removeprefix("SELECT ").partition(" FROM ")
    return f"SELECT json_group_array(json_array({columns})) FROM ({_text(sql)})"


def _without_empty(columns: Sequence[Row], first: int) -> tuple[frozenset[int], Sequence[Row]]:
    """Which of the first so many columns are NULL in every row, and the other columns.

    Most of a run's columns are NULL most of the time.
    """
    number = len(columns[0])
    empty = frozenset(
        place
        for place, values in enumerate(islice(columns, first))
        if values[0] is None and values.count(None) == number
    )
    return empty, [values for place, values in enumerate(columns) if place not in empty] if empty else columns


def _bind(params: dict[str, Value]) -> dict[str, Any]:
    for name, value in params.items():
        if isinstance(value, list):
            params[name] = msgspec.json.encode(value).decode()
    return params


def _handfuls(columns: Sequence[Row]) -> Iterator[tuple[int, list[Any]]]:
    """The rows of these columns in pieces: for how many rows the statement is to be made, and what to bind to it.

    A statement of many rows gives up the interpreter lock once, `executemany` does once a row and then waits for it
    while another thread computes. Statements are made for powers of two, so that there are few of them to prepare; rows
    that are left over are bound to NULL, which no key equals and no insert takes. (A limit would let SQLite first
    write all rows to a table of its own.)
    """
    number = len(columns[0])
    for start in range(0, number, HANDFUL):
        rows = zip(*(values[start : start + HANDFUL] for values in columns), strict=True)
        length = min(HANDFUL, number - start)
        size = 1 << (length - 1).bit_length()
        yield size, [*chain.from_iterable(rows), *repeat(None, (size - length) * len(columns))]


class SqliteTx(Tx):
    """A transaction on the one writing connection, or a snapshot on a reading one."""

    def __init__(self, connection: apsw.Connection, now: int, known: dict[Any, Any]) -> None:
        super().__init__(now, known)
        self.connection = connection

    def rows(self, sql: str, /, **params: Value) -> list[Row]:
        self.wrote = self.wrote or not is_query(sql)
        return self.connection.execute(_text(sql), _bind(params)).fetchall()

    def wide_rows(self, sql: str, /, **params: Value) -> Sequence[Row]:
        # One JSON text costs less than an object a column, and gives up the interpreter lock once: reading rows does so
        # for every row, and each time another thread may take the lock and compute for a while.
        try:
            ((packed,),) = self.connection.execute(_packing(sql), _bind(params))
        except apsw.TooBigError:  # longer than any value may be
            return self.rows(sql, **params)
        return _unpack(packed)

    def records(self, kind: type[S], sql: str, /, **params: Value) -> list[S]:
        # Read from that text as they are.
        try:
            ((packed,),) = self.connection.execute(_packing(sql), _bind(params))
        except apsw.TooBigError:
            return super().records(kind, sql, **params)
        found: list[S] = _reading(kind)(packed)
        return found

    def run(self, sql: str, /, **params: Value) -> int:
        self.connection.execute(_text(sql), _bind(params))
        touched = self.connection.changes()
        self.wrote = self.wrote or touched != 0
        return touched

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        self._insert(statement, rows)

    def insert_counted(self, statement: Insert, rows: Sequence[Row]) -> int:
        return self._insert(statement, rows)

    def _insert(self, statement: Insert, rows: Sequence[Row]) -> int:
        self.wrote = True
        if not rows:
            return 0
        empty, full = _without_empty(list(zip(*rows, strict=True)), len(statement.columns))
        inserted = 0
        for size, bound in _handfuls(full):
            self.connection.execute(_insert_text(statement, empty, size), bound)
            inserted += self.connection.changes()
        return inserted

    def update_columns(self, statement: Update, columns: Sequence[Row]) -> None:
        self.wrote = True
        empty, full = _without_empty(columns, len(statement.columns))
        for size, bound in _handfuls(full):
            self.connection.execute(_update_text(statement, empty, size), bound)


class SqliteBackend:
    """The writing connection, where a savepoint isolates an operation that may fail."""

    isolates = True

    def __init__(self, path: Path, clock: Callable[[], int], known: dict[Any, Any]) -> None:
        self.connection = connect(path)
        self._log_file: int | None = None
        self._log_path = path.with_name(f"{path.name}-wal")
        self._checkpoints = Checkpoints(path, self.connection)
        self.clock = clock
        self.known = known
        self._marked = False

    def begin(self) -> Tx:
        self._marked = False
        self.connection.execute("BEGIN IMMEDIATE")
        return SqliteTx(self.connection, self.clock(), self.known)

    def save(self, tx: Tx) -> object:
        if self._marked:
            self.connection.execute("RELEASE op")
        self.connection.execute("SAVEPOINT op")
        self._marked = True
        added = {sums: dict(rows) for sums, rows in tx.tallies.items()}
        return len(tx.journal), set(tx.topics), dict(tx.learned), added

    def undo(self, tx: Tx, mark: Any) -> None:
        self.connection.execute("ROLLBACK TO op")
        length, tx.topics, tx.learned, tx.tallies = mark
        del tx.journal[length:]

    def commit(self, tx: Tx) -> None:
        tallies.flush(tx)
        journal.flush(tx)
        self.connection.execute("COMMIT")

    def sync(self) -> None:
        """Let what was committed survive a loss of power. Raises `OSError`."""
        if self._log_file is None:
            self._log_file = os.open(self._log_path, os.O_RDWR)
        _sync(self._log_file)

    def rollback(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def close(self) -> None:
        self._checkpoints.close()
        if self._log_file is not None:
            os.close(self._log_file)
        self.connection.execute("PRAGMA optimize")
        self.connection.close()

    def is_broken(self, error: Exception) -> bool:
        return _is_broken(error)


class SqliteStore(ThreadedStore):
    """A store in one SQLite file. Raises `Conflict` when another process serves the file."""

    engine = "sqlite"
    raises = (apsw.Error, OverflowError, UnicodeEncodeError)

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], int],
        observe: Observe | None = None,
        ageing: bool = False,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(clock=clock, readers=READERS, ageing=ageing)
        self.path = path
        self._lock = FileLock(path.with_suffix(path.suffix + ".lock"))
        try:
            with closing(connect(path)) as setup:
                migrate.run_sqlite(setup, clock())
        except BaseException:
            self._lock.release()
            raise
        self._local = threading.local()
        self._opened: list[apsw.Connection] = []
        backend = SqliteBackend(path, clock, self.known)
        committer = Committer(
            backend, self.waiting, self.publisher, name="committer", observe=observe, sync=backend.sync
        )
        self.committers, self.syncing = [committer], committer.syncing

    def look_now(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self.path, readonly=True)
            self._opened.append(connection)
        connection.execute("BEGIN")
        try:
            return op(SqliteTx(connection, self.now(), self.known), *args, **kwargs)
        finally:
            connection.execute("ROLLBACK")

    def translated(self, error: Exception) -> Exception:
        return _translated(error)

    def join(self) -> bool:
        # One process owns the file.
        return True

    def release(self) -> None:
        for connection in self._opened:
            connection.close()
        self._lock.release()


def _translated(error: Exception) -> Exception:
    if isinstance(error, apsw.ConstraintError):
        return Conflict("something with this name or key exists already")
    if isinstance(error, OverflowError | UnicodeEncodeError | apsw.TooBigError):
        return Invalid(UNKEEPABLE)
    if _is_broken(error):
        return Unavailable("the database file cannot be used now; try again in a second")
    return error


_BROKEN = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.ProtocolError,
)


def _is_broken(error: Exception) -> bool:
    """Disk full, locked by somebody else, or an I/O error: not the operation's fault."""
    return isinstance(error, _BROKEN)
