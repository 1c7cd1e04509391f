"""The port every operation works through: a transaction, and the store that commits it.

Operations are plain functions `op(tx, …)`. Shared SQL uses named parameters (`:name`) and markers that each engine
fills in its own way: `{among name}` for membership in a list, `{each name}` for a list of texts as a table with the
column `value`, and after a SELECT `{lock}`, `{skip_locked}`, or where many refer to a row that somebody may delete
`{keep}` (it is there until this transaction ends; any number may) and `{change}` (to be changed, not deleted).
"""

from __future__ import annotations

import random
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from operator import add
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import msgspec
import uuid_utils

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=msgspec.Struct)
Row = tuple[Any, ...]
Value = str | int | float | None | list[str] | list[int]
UNKEEPABLE = "a value cannot be kept: a text with characters such as NUL, or a number beyond 64 bits"
"""What is wrong when a database cannot hold a value, whichever it is."""


class Insert(msgspec.Struct, frozen=True):
    """An INSERT of many rows: columns with their PostgreSQL types, and what to do on conflict."""

    table: str
    columns: dict[str, str]
    conflict: str = ""

    def __hash__(self) -> int:
        return id(self)


class Update(msgspec.Struct, frozen=True):
    """An UPDATE of many rows by key; rows are given as (columns…, keys…)."""

    table: str
    columns: dict[str, str]
    keys: dict[str, str]

    def __hash__(self) -> int:
        return id(self)


class Ask(msgspec.Struct, frozen=True):
    """A query with its parameters, to be made together with others."""

    sql: str
    params: dict[str, Value]
    wide: bool = False
    """Whether it is one for `Tx.wide_rows`."""


class JournalLine(msgspec.Struct):
    """An event to be written when the batch is; it gets its sequence number then."""

    project_id: int
    run_id: str | None
    type: str
    actor: str | None
    data: str

    @property
    def topics(self) -> tuple[str, ...]:
        """What wakes those who follow such lines."""
        project = f"project:{self.project_id}"
        return (project,) if self.run_id is None else (project, f"run:{self.run_id}")


class LogLine(msgspec.Struct):
    """A log line to be written when the batch is."""

    project_id: int
    run_id: str
    attempt: int
    at: int
    level: str
    message: str
    data: str | None
    type: str = "log"
    whole: int | None = None
    """1 when `data` is the line as its writer wrote it."""
    seq: int = 0
    """Its number, once it is committed."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What wakes those who follow such lines."""
        return (f"run:{self.run_id}",)


class ChunkLine(msgspec.Struct):
    """A piece of output to be written when the batch is."""

    project_id: int
    run_id: str
    stream: str
    chunk: str
    done: bool

    @property
    def topics(self) -> tuple[str, ...]:
        """Not the run's own: most who follow the run have no use for its chunks, and there may be many."""
        return (f"chunks:{self.run_id}",)


class TaskLine(msgspec.Struct):
    """A line of a task's timeline to be written when the batch is."""

    project_id: int
    root_id: str
    task_id: str
    run_id: str | None
    id: str
    type: str
    actor_kind: str
    actor_ref: str
    origin_kind: str
    origin_ref: str
    payload: str
    seq: int = 0
    """Its number, once it is committed."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What wakes those who follow such lines."""
        return (f"tasks:{self.root_id}",)


Line = JournalLine | LogLine | ChunkLine | TaskLine


class Tx(ABC):
    """One transaction: a clock, ids, dice, SQL, and what to tell others after the commit."""

    indexes_projects = False
    """Whether all runs of a project stand in one index by id, beside those by state and id."""

    def __init__(self, now: int, known: dict[Any, Any], dice: Callable[[], float] = random.random) -> None:
        self.now = now
        self.dice = dice
        self.known = known
        """Facts that never change once committed (interned ids), kept between transactions."""
        self.ageing: bool = known.get("ageing", False)
        """Whether waiting runs gain priority with time."""
        self.learned: dict[Any, Any] = {}
        self.journal: list[Line] = []
        self.written: list[Line] = []
        """The lines that were given their numbers and written."""
        self.topics: set[str] = set()
        self.tallies: dict[Insert, dict[Row, tuple[int, ...]]] = {}
        self.wrote = False

    @staticmethod
    def new_id() -> str:
        """A fresh UUIDv7."""
        return str(uuid_utils.uuid7())

    @staticmethod
    def new_token() -> str:
        """A fresh lease token; only its hash is ever stored."""
        return "rl_" + secrets.token_urlsafe(24)

    @staticmethod
    def new_seals(n: int) -> list[str]:
        """What is stored of leases that nobody proves by their tokens: hashes of none."""
        # Asking the system for chance costs more than chance does.
        text = secrets.token_hex(32 * n)
        return [text[at : at + 64] for at in range(0, len(text), 64)]

    @abstractmethod
    def rows(self, sql: str, /, **params: Value) -> list[Row]:
        """All rows of a query."""

    def wide_rows(self, sql: str, /, **params: Value) -> Sequence[Row]:
        """`rows` for rows of many columns; the query begins with SELECT and the bare names of columns."""
        return self.rows(sql, **params)

    def records(self, kind: type[S], sql: str, /, **params: Value) -> list[S]:
        """`wide_rows` as structs of that kind, which is like an array and whose fields are the columns in order."""
        return as_records(kind, self.wide_rows(sql, **params))

    def row(self, sql: str, /, **params: Value) -> Row | None:
        """The first row of a query, if there is one."""
        found = self.rows(sql, **params)
        return found[0] if found else None

    def together(self, asks: Sequence[Ask]) -> list[Sequence[Row]]:
        """The rows of each of these queries, where it can be in the time of one."""
        return [(self.wide_rows if ask.wide else self.rows)(ask.sql, **ask.params) for ask in asks]

    @abstractmethod
    def run(self, sql: str, /, **params: Value) -> int:
        """Execute a write; how many rows it touched."""

    @abstractmethod
    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        """Insert many rows at once. What is wrong with them may be said as late as the commit."""

    @abstractmethod
    def insert_counted(self, statement: Insert, rows: Sequence[Row]) -> int:
        """Insert many rows at once; how many went in."""

    def update(self, statement: Update, rows: Sequence[Row]) -> None:
        """Update many rows at once. What is wrong with them may be said as late as the commit."""
        if rows:
            self.update_columns(statement, list(zip(*rows, strict=True)))

    @abstractmethod
    def update_columns(self, statement: Update, columns: Sequence[Row]) -> None:
        """`update` of rows that are given column by column; there is at least one."""

    def tally(self, sums: Insert, key: Row, added: tuple[int, ...]) -> None:
        """Add numbers to the row of sums with that key when the transaction is committed.

        `sums` inserts a row of key and numbers, or on conflict adds the numbers to those that are there.
        """
        self.wrote = True
        rows = self.tallies.setdefault(sums, {})
        before = rows.get(key)
        rows[key] = added if before is None else tuple(map(add, before, added))

    def emit(self, line: Line) -> None:
        """Journal something in this transaction and wake those who follow such lines."""
        self.wrote = True
        self.journal.append(line)
        self.topics.update(line.topics)

    def wake(self, topic: str) -> None:
        """Wake whoever waits for the topic once this transaction is durable."""
        self.topics.add(topic)


def as_records(kind: type[S], rows: Sequence[Row]) -> list[S]:
    """Rows as structs of that kind, which is like an array and whose fields are the columns in order."""
    return msgspec.convert(rows, list[kind])  # type: ignore[valid-type]


def many(op: Callable[[Tx, Sequence[Any]], Sequence[Any]]) -> Callable[[Tx, Sequence[Any]], Sequence[Any]]:
    """Mark an operation as taking a list of independent items and returning one outcome (or error) for each."""
    op.takes_many = True  # type: ignore[attr-defined]
    return op


Listener = Callable[[frozenset[str]], None]
Observe = Callable[[int, float, Mapping[str, int]], None]
"""Told of each batch: how many operations, how many seconds, and how many journal lines of each type."""


class Store(Protocol):
    """A database with group commit."""

    engine: str

    async def write(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the operation in a transaction; durable when this returns. Raises what the operation raises."""
        ...

    async def read(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the operation on a snapshot; it may not write."""
        ...

    def transact(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """`write` for synchronous callers."""
        ...

    def look(self, op: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """`read` for synchronous callers."""
        ...

    def subscribe(self, listener: Listener) -> None:
        """Call the listener on the event loop after each commit, with the topics it touched."""
        ...

    def now(self) -> int:
        """The store's clock, in UTC microseconds."""
        ...

    def join(self) -> bool:
        """Be one of the servers on the database until the store is closed; whether no other was there."""
        ...

    def close(self) -> None:
        """Finish what was accepted, then let go of the database."""
        ...
